"""One file per integration type. To add a type, copy the nearest file and its test; nothing else changes."""
