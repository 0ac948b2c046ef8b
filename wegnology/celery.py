"""The Celery application. Its worker processes hold the connections, run the workflows and do the chores."""

import os

from celery import Celery, signals
from django.conf import settings

from wegnology.lib import egress_guard

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")

app = Celery("wegnology")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["integrations", "workflows"])
app.set_default()  # in every thread: Celery's "current app" is one thread's, and a web process has many

# What this process does beside its queues; the Procfile says it for each.
STEPS = {
    "listener": "integrations.runtime.bootstep:ListenerStep",
    "worker": "workflows.bootstep:EngineStep",
    "tasks": "integrations.runtime.tasks_step:TasksStep",
}
ALARMS = "workflows.alarms.watching:AlarmStep"
"""In all of them: whatever still lives says what does not."""
if settings.ROLE in STEPS:
    app.steps["worker"] |= {STEPS[settings.ROLE], ALARMS}


@signals.worker_init.connect
def _guard_egress(**_: object) -> None:
    """Judge whatever a worker process connects to, also what connects by itself."""
    egress_guard.install()
