"""`manage.py rotate_secrets`: seal every stored secret with the first key of WEGNOLOGY_SECRET_KEYS.

Exit codes: 0 all is sealed with the first key; 1 something cannot be opened; 3 (with --check) something is still to be done;
130 interrupted.
"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from wegnology.applications.resealing import Progress, Unopened, count_by_key, forget, reseal
from wegnology.applications.sealing import keyring

_SHOWN = 20


class Command(BaseCommand):
    """Change the key of all stored secrets, while everything runs."""

    help = "Seal every stored secret with the first of WEGNOLOGY_SECRET_KEYS. May be stopped and run again at any time."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take what to do instead of sealing anew."""
        parser.add_argument("--check", "--dry-run", action="store_true", help="only say how many secrets need which key")
        parser.add_argument("--batch", type=int, default=100, help="rows in one transaction (default: 100)")
        parser.add_argument("--forget", metavar="KEY", help="remove the secrets sealed with this key; for a key that is lost")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do one of the three."""
        if options["batch"] < 1:
            raise CommandError("--batch must be at least 1.")
        if options["forget"]:
            self._forget(options["forget"])
        elif options["check"]:
            self._report(only_say=True)
        else:
            self._reseal(options["batch"])

    def _reseal(self, batch: int) -> None:
        progress = Progress(0, 0, [])
        try:
            for progress in reseal(batch):
                self.stdout.write(f"{progress.done} of {progress.total} rows")
                self.stdout.flush()
        except KeyboardInterrupt:
            raise CommandError("Stopped. Run it again: it goes on with what is left.", returncode=130) from None
        if progress.unopened:
            self._complain(progress.unopened)
        self._report(only_say=False)

    def _complain(self, unopened: list[Unopened]) -> None:
        for place, reason in unopened[:_SHOWN]:
            self.stderr.write(f"{place}: {reason}")
        more = len(unopened) - _SHOWN
        if more > 0:
            self.stderr.write(f"... and {more} more")
        raise CommandError(f"{len(unopened)} secrets could not be opened and were left as they are.", returncode=1)

    def _report(self, *, only_say: bool) -> None:
        """Say how many secrets need which key; with `only_say`, exit with what that means."""
        ring, counts = keyring(), count_by_key()
        for key in sorted({*counts, *ring.ids}):
            self.stdout.write(f"{counts[key]:>7} secrets {_meaning(key, ring.first, ring.ids, counts[key])}")
        if not only_say:
            return
        if counts.keys() - ring.ids:
            raise CommandError("Some secrets cannot be opened with the keys in WEGNOLOGY_SECRET_KEYS.", returncode=1)
        if counts.keys() - {ring.first}:
            raise CommandError("Some secrets are sealed with an older key: run `manage.py rotate_secrets`.", returncode=3)

    def _forget(self, key: str) -> None:
        if key in keyring().ids:
            raise CommandError(f"The key {key} is among WEGNOLOGY_SECRET_KEYS: it opens its secrets. Nothing was removed.")
        self.stdout.write(f"{forget(key)} secrets removed. Enter them anew where an integration is shown as not configured.")


def _meaning(key: str, first: str, known: frozenset[str], count: int) -> str:
    if not key:
        return "are damaged: they name no key"
    if key == first:
        return f"with {key}, the first key"
    if key not in known:
        return f"with {key}, which is not among WEGNOLOGY_SECRET_KEYS"
    return f"with {key}, an older key" + ("" if count else ": it may be removed")
