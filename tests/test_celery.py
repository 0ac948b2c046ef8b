"""The queues as every process knows them."""

import os
import subprocess
import sys

from tests.standards import ROOT

ASK = """
import threading, django
django.setup()
from celery import current_app
def ask():
    print(current_app.main, current_app.conf.broker_url)
thread = threading.Thread(target=ask)
thread.start()
thread.join()
"""


def test_a_thread_of_a_page_knows_our_queues() -> None:
    """A page asks from whatever thread it runs in; Celery would else look for a broker of its own choice."""
    redis = "redis://127.0.0.1:1/0"
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "wegnology.settings",
        "WEGNOLOGY_ENV": "development",
        "REDIS_URL": redis,
    }
    answer = subprocess.run([sys.executable, "-c", ASK], cwd=ROOT, env=environment, capture_output=True, check=True, text=True)
    assert answer.stdout.split() == ["wegnology", redis]
