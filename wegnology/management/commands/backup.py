"""`manage.py backup FILE`: database, Redis and keys in one archive, while everything runs."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from wegnology.backup import archive
from wegnology.backup.exceptions import BackupFailed
from wegnology.local.redis import at_hand


class Command(BaseCommand):
    """Write one archive of database, Redis and keys."""

    help = "Write database, Redis and keys into one archive that only you can read. Everything may go on running."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file's name."""
        parser.add_argument("file", type=Path, help="the archive to make; it must not exist yet")

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the archive."""
        try:
            with at_hand():
                remarks = archive.make(options["file"].absolute())
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(remarks))
