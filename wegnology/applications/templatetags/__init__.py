"""Tags and filters of applications."""
