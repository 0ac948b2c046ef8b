"""Tags and filters of workflows."""
