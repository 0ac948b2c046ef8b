"""`manage.py restore FILE`: put an archive of `manage.py backup` in place."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from wegnology.backup import archive
from wegnology.backup.exceptions import BackupFailed
from wegnology.local.redis import at_hand


class Command(BaseCommand):
    """Put an archive in place of an empty installation's database, Redis and keys."""

    help = "Restore database, Redis and keys from an archive. All processes must be stopped."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file's name and whether to replace what is there."""
        parser.add_argument("file", type=Path, help="the archive that `backup` made")
        parser.add_argument("--force", action="store_true", help="replace what is there; it is gone then")

    def handle(self, *args: Any, **options: Any) -> None:
        """Restore the archive."""
        try:
            with at_hand():
                remarks = archive.restore(options["file"], force=options["force"])
        except BackupFailed as error:
            raise CommandError(str(error)) from error
        self.stdout.write("\n".join(remarks))
