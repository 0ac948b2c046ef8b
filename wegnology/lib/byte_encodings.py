"""Texts that stand for bytes, in the encodings that Node.js knows and by its names. https://nodejs.org/api/buffer.html

Stricter than Node.js: what does not fit is an error, not cut off.
"""

import base64

_CHARACTERS = {"ascii": "ascii", "latin1": "latin-1", "binary": "latin-1"}
_CHARACTERS |= dict.fromkeys(("ucs2", "ucs-2", "utf16le", "utf-16le"), "utf-16-le")


def is_utf8(encoding: str) -> bool:
    """Say whether an encoding is that of text; so is none at all."""
    return encoding.strip().lower() in ("", "utf8", "utf-8")


def encoded(text: str, encoding: str) -> bytes:
    """Return the bytes that `text` stands for. Raises `ValueError` with a text for people."""
    name = encoding.strip().lower()
    if not is_utf8(name) and name not in (*_CHARACTERS, "base64", "base64url", "hex"):
        raise ValueError(f"There is no encoding {encoding[:50]!r}")
    try:
        if name in ("base64", "base64url"):
            plain = text.strip().rstrip("=").replace("-", "+").replace("_", "/")
            return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
        if name == "hex":
            return bytes.fromhex(text)
        return text.encode(_CHARACTERS.get(name, "utf-8"))
    except ValueError:
        raise ValueError(f"The message is not valid {name or 'utf8'}") from None


def decoded(data: bytes, encoding: str) -> str:
    """Return the text that stands for bytes; what is no character becomes U+FFFD. Raises `ValueError` with a text for people."""
    name = encoding.strip().lower()
    if name in ("base64", "base64url"):
        text = (base64.b64encode if name == "base64" else base64.urlsafe_b64encode)(data).decode()
        return text if name == "base64" else text.rstrip("=")
    if name == "hex":
        return data.hex()
    if not is_utf8(name) and name not in _CHARACTERS:
        raise ValueError(f"There is no encoding {encoding[:50]!r}")
    return data.decode(_CHARACTERS.get(name, "utf-8"), "replace")
