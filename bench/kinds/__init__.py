"""The other side of each integration type that is measured: one small class a type, one file a class."""
