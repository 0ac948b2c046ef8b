"""Files that a browser sends: kept in memory and bounded, never written to disk."""

from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler


class BoundedUploads(FileUploadHandler):
    """Keeps at most `IMPORT_BYTES` of all files of a request, and one byte more, by which readers see that it was too much."""

    def __init__(self, request: Any = None) -> None:
        super().__init__(request)
        self._room = settings.IMPORT_BYTES + 1
        self._kept = BytesIO()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file."""
        super().new_file(*args, **kwargs)
        self._kept = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep what there is room for."""
        self._kept.write(raw_data[: self._room])
        self._room -= min(len(raw_data), self._room)

    def file_complete(self, file_size: int) -> "UploadedFile[bytes]":
        """Hand out what was kept."""
        size = self._kept.tell()
        self._kept.seek(0)
        return InMemoryUploadedFile(
            self._kept, self.field_name, self.file_name, self.content_type, size, self.charset, self.content_type_extra
        )
