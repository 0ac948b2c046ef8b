"""`manage.py repartition`: change the number of partitions."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from integrations.runtime.partitions import StillRunning, repartition
from wegnology.lib.redis import RedisAway, sync_client


class Command(BaseCommand):
    """Sort what waits in Redis into WEGNOLOGY_PARTITIONS partitions. Listeners and workers must be stopped."""

    help = __doc__ or ""

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the command."""
        try:
            count = repartition(sync_client(timeout=30.0))
        except StillRunning as error:
            raise CommandError(str(error)) from error
        except RedisAway as error:
            raise CommandError(f"Redis cannot be reached: {error}") from error
        self.stdout.write(f"{settings.PARTITIONS} partitions are in force; {count} inboxes were sorted in.")
