"""The keys: copied when they live in the state folder, named by their ids when they come from the environment."""

from pathlib import Path

from django.conf import settings

from wegnology.lib.crypto import key_id
from wegnology.local.state import write_private

SEALING = "secret-keys"
SESSIONS = "django-secret-key"


def files() -> dict[str, str]:
    """Return name and content of the key files that are in force."""
    in_force = {SEALING: ",".join(settings.SECRET_KEYS), SESSIONS: settings.SECRET_KEY}
    paths = {name: _path(name) for name in in_force}
    return {name: in_force[name] for name, path in paths.items() if path.exists() and path.read_text().strip() == in_force[name]}


def ids() -> list[str]:
    """Return the public ids of the configured keys."""
    return [key_id(text) for text in settings.SECRET_KEYS]


def load(kept: dict[str, str]) -> None:
    """Write key files back where the present ones are files too. Present keys stay known, behind the ones brought back."""
    for name in files().keys() & kept.keys():
        content = kept[name]
        if name == SEALING:
            content = ",".join(dict.fromkeys([*content.split(","), *settings.SECRET_KEYS]))
        write_private(_path(name), content)


def missing(key_ids: list[str], kept: dict[str, str]) -> list[str]:
    """Return the ids of keys that stored secrets need and that will not be there after `load(kept)`."""
    brought = kept.get(SEALING, "").split(",") if SEALING in files() else []
    known = {key_id(text) for text in [*brought, *settings.SECRET_KEYS] if text}
    return [identifier for identifier in key_ids if identifier not in known]


def _path(name: str) -> Path:
    return Path(settings.STATE_DIR) / name
