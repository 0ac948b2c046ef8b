"""`manage.py run`: everything on this machine, with a demo."""

import sys
from typing import Any

from django.core.management.base import BaseCommand

from wegnology.local.run import run


class Command(BaseCommand):
    """Run web, listener, worker and tasks under a supervisor, with an embedded Redis and a demo broker."""

    help = "Set up and run everything on this machine, with a demo, until Ctrl-C."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until told to stop."""
        sys.exit(run(lambda text: self.stdout.write(text)))
