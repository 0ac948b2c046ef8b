"""The demo and the first admin are made once, together, and stay as people leave them."""

from pathlib import Path

import pytest
from django.contrib.auth import authenticate, get_user_model

from integrations.models import Integration
from wegnology.applications.models import Application, Global
from wegnology.local import demo
from workflows.models import Workflow

pytestmark = pytest.mark.django_db


def test_a_first_start_makes_admin_and_demo(tmp_path: Path) -> None:
    first = demo.begin(tmp_path / "admin-password", 11883)
    assert first is not None
    assert (tmp_path / "admin-password").read_text().strip() == first.password
    user = authenticate(username=demo.ADMIN, password=first.password)
    assert user is not None
    assert user.is_superuser
    integration = Integration.objects.get()
    assert integration.raw_config()["port"] == 11883
    assert integration.topics == ["demo/in/#"]
    assert demo.living_demo(11883) == integration
    assert Application.objects.get().globals_for_runs() == {"threshold": 30}
    assert Workflow.objects.get().versions.get().name == "develop"


def test_a_later_start_makes_nothing(tmp_path: Path) -> None:
    get_user_model().objects.create_superuser("root", "root@example.com", "correct horse battery")
    assert demo.begin(tmp_path / "admin-password", 11883) is None
    assert not Application.objects.exists()
    assert not (tmp_path / "admin-password").exists()


def test_making_the_demo_again_changes_nothing() -> None:
    first = demo.make_demo(11883)
    Global.objects.update(value=40)
    assert demo.make_demo(11999) == first
    assert Application.objects.get().globals_for_runs() == {"threshold": 40}
    assert Workflow.objects.get().versions.count() == 1


def test_the_integration_follows_the_broker_to_another_port() -> None:
    demo.make_demo(11883)
    before = Application.objects.get().revision
    demo.follow_port(11883, 11999)
    assert demo.living_demo(11999) is not None
    assert demo.living_demo(11883) is None
    assert Application.objects.get().revision > before


def test_nothing_is_made_when_the_password_cannot_be_kept(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        demo.begin(tmp_path / "file" / "admin-password", 11883)
    assert not get_user_model().objects.exists()
