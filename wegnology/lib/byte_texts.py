"""Bytes that should be text, as workflows get them: nothing is mangled."""

import base64


def text_of(data: bytes) -> tuple[str, bool]:
    """Return the text that the bytes are in UTF-8 and True, else their base64 and False."""
    try:
        return data.decode(), True
    except UnicodeDecodeError:
        return base64.b64encode(data).decode(), False
