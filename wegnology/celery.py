"""The Celery application. Its worker processes hold the connections, run the workflows and do the chores."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wegnology.settings")

app = Celery("wegnology")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["integrations", "workflows"])
