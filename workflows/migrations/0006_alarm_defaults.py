"""Applications that are there already get the rules that a new one gets: shown on screen, telling nobody."""

from django.db import migrations

from wegnology.lib.ids import new_id

KINDS = (
    "disconnected", "refused", "degraded", "silent", "rateFell", "parkedGrows", "ledgerOff", "inboxFull", "expiring",
    "payloadLimit", "notRunning",
)


def give(apps, schema_editor):
    AlarmRule = apps.get_model("workflows", "AlarmRule")
    for pk in apps.get_model("applications", "Application").objects.values_list("pk", flat=True).iterator():
        AlarmRule.objects.bulk_create(AlarmRule(id=new_id(), application_id=pk, kind=kind) for kind in KINDS)


class Migration(migrations.Migration):

    dependencies = [
        ('workflows', '0005_alarms'),
    ]

    operations = [
        migrations.RunPython(give, migrations.RunPython.noop),
    ]
