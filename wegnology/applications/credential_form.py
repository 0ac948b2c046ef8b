"""The form of a service credential, made from the schema of its kind."""

import types
from typing import Any, ClassVar

from wegnology.applications.models import Credential
from wegnology.applications.sealed_form import SealedConfigForm
from wegnology.lib import credential_types as kinds
from wegnology.lib.forms import SchemaFields
from wegnology.lib.theme import Textarea
from wegnology.lib.types import JSONObject


class CredentialForm(SealedConfigForm):
    """Made concrete by `credential_form`, which adds the fields of a kind."""

    kind: ClassVar[type[kinds.Credential]]

    class Meta:
        model = Credential
        fields = ("application", "name", "enabled", "description")
        widgets: ClassVar = {"description": Textarea(attrs={"rows": 2})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance._state.adding:
            self.instance.credential_type = self.kind.name


def credential_form(kind: type[kinds.Credential], stored: JSONObject) -> type[CredentialForm]:
    """Return the form class of a kind. `stored` is asked which secrets are there."""
    settings = SchemaFields(kind)
    members = {**settings.form_fields(stored), "kind": kind, "settings": settings, "__module__": __name__}
    made: type[CredentialForm] = types.new_class(
        f"{kind.__name__}Form", (CredentialForm,), exec_body=lambda namespace: namespace.update(members)
    )
    return made
