"""Archives that are the same whenever their contents are, and names for files in them."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Collection, Mapping

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_MOST = 80
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])\Z", re.I)


def packed(files: Mapping[str, bytes]) -> bytes:
    """Return a zip archive of files by their paths."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(files):
            entry = zipfile.ZipInfo(path, _EARLIEST)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[path])
    return buffer.getvalue()


def file_name(name: str, taken: Collection[str] = (), ending: str = "") -> str:
    """Return a name that every file system takes, and that none of `taken` has; letters of any language stay."""
    text = re.sub(r"[^\w.-]+", "_", unicodedata.normalize("NFC", name)).strip("._")[:_MOST] or "unnamed"
    text = f"_{text}" if _RESERVED.match(text) else text
    known = {each.lower() for each in taken}
    free = (f"{text}{suffix}{ending}" for suffix in ("", *(f"_{number}" for number in range(2, len(known) + 3))))
    return next(name for name in free if name.lower() not in known)
