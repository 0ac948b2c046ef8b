"""Making connections anew because a person asks for it: without waiting for the next attempt, with nothing edited.

The number of times that was asked is part of what a listener compares, so whoever holds the connection, now or later, makes it
anew once, within 2 s. Like after an edit, no connection events fire for it.
"""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from integrations.models import Integration
from wegnology.applications.audit import record
from wegnology.applications.models import touch


def reconnect(rows: Sequence[Integration]) -> list[Integration]:
    """Ask for new connections of the enabled ones among `rows`, with an entry in the audit; return those."""
    asked = [row for row in rows if row.enabled]
    with transaction.atomic():
        Integration.objects.filter(pk__in=[row.pk for row in asked]).update(reconnects=F("reconnects") + 1)
        for application_id in {row.application_id for row in asked}:
            touch(application_id)
        for row in asked:
            record(None, "reconnected", row)
    return asked
