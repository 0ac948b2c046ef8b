"""Rows whose settings hold secrets: sealed at rest, each bound to its row and field."""

from functools import lru_cache
from typing import ClassVar

from django.conf import settings
from django.db import models

from wegnology.lib.crypto import Keyring, is_sealed
from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject


def keyring() -> Keyring:
    """Return the configured keys."""
    return _keyring(tuple(settings.SECRET_KEYS))


@lru_cache(maxsize=4)
def _keyring(keys: tuple[str, ...]) -> Keyring:
    """Prepare the keys once: a page may open the settings of a thousand rows."""
    return Keyring(keys)


class SealedConfig(models.Model):
    """A row with settings of one schema. `config` holds them raw; secret ones are sealed (see `set_config`).

    Whatever walks all sealed values (such as a change of keys) finds the models by this class.
    """

    sealed_label: ClassVar[str]
    """First part of the place that a secret is bound to: "integration"."""

    config = models.JSONField(default=dict)

    class Meta:
        abstract = True

    @property
    def config_schema(self) -> type[Schema]:
        """Return what describes the settings, and says which are secret."""
        raise NotImplementedError

    def sealed_place(self, field: str) -> str:
        """Return the place of one setting, to which its ciphertext is bound: "integration:<id>:password"."""
        return f"{self.sealed_label}:{self.pk}:{field}"

    def set_config(self, raw: JSONObject) -> None:
        """Store raw settings; seal what is secret, at any depth."""
        ring = keyring()
        self.config = self.config_schema.map_secrets(
            raw, lambda value, place: ring.seal(value, self.sealed_place(place)) if isinstance(value, str) else value
        )

    def raw_config(self) -> JSONObject:
        """Return the raw settings with secrets opened; raises `KeyMissing` or `SealBroken`."""
        ring = keyring()
        return self.config_schema.map_secrets(
            self.config, lambda value, place: ring.unseal(value, self.sealed_place(place)) if is_sealed(value) else value
        )
