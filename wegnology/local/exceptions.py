"""Errors of `manage.py run`."""


class CannotStart(Exception):
    """Something is in the way; the text says what, and what to do about it."""
