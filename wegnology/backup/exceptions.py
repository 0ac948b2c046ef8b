"""Errors of backup and restore."""


class BackupFailed(Exception):
    """A backup or restore could not be done; the text says why and what to do. Nothing half-done is left in place."""
