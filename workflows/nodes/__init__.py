"""One file per node type. To add a node, copy the nearest file and its test; nothing else changes."""
