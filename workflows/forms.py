"""The form of a workflow: its own fields and its develop version as JSON, checked as the engine will read it."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy

from wegnology.lib.fields import JSONTextField
from wegnology.lib.speaking import Said
from wegnology.lib.theme import ModelForm, Textarea, TextInput
from workflows.models import DEVELOP, PARTS, Workflow, WorkflowVersion
from workflows.unsupported import unsupported_types
from workflows.version_content import Content, content_faults, shape_faults, spoken
from workflows.versions import TAKEN, create_version, name_fault, room_fault, save_develop


class WorkflowForm(ModelForm):
    """A workflow with the parts of its develop version."""

    triggers = JSONTextField(
        label=gettext_lazy("Triggers"),
        rows=10,
        required=False,
        help_text=gettext_lazy(
            'A list. One for each integration that starts it: {"type": "integration", "key": "&lt;integration id&gt;", '
            '"config": {"message": true}, "outputIds": [["&lt;id of the first node&gt;"]]}. Others are {"type": "timer", '
            '"config": {"seconds": 60}}, virtualButton, webhook and flowError; saving gives them their keys.'
        ),
    )
    nodes = JSONTextField(
        label=gettext_lazy("Nodes"),
        rows=20,
        required=False,
        help_text=gettext_lazy(
            'A list of nodes: {"id", "type", "config", "outputIds"}. outputIds holds one list of node ids for each output.'
        ),
    )
    globals = JSONTextField(
        label=gettext_lazy("Globals"),
        rows=4,
        required=False,
        help_text=gettext_lazy('An object; each key goes before the application\'s global of that name: {"limit": 5}.'),
    )
    save_as_version = forms.CharField(
        label=gettext_lazy("Save as version"),
        max_length=255,
        required=False,
        widget=TextInput(),
        help_text=gettext_lazy("Keeps a copy of what you save under this name; it can never be changed. Leave empty for none."),
    )

    class Meta:
        model = Workflow
        fields = ("application", "name", "description", "enabled", "default_version")
        widgets: ClassVar = {"description": Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        workflow = self.instance
        develop = None if workflow._state.adding else workflow.versions.filter(name=DEVELOP).first()
        self.develop = develop or WorkflowVersion(workflow=workflow, name=DEVELOP)
        self.initial = {**{part: getattr(self.develop, part) for part in PARTS}, **self.initial}
        if isinstance(choice := self.fields.get("default_version"), forms.ModelChoiceField):
            choice.queryset = WorkflowVersion.objects.filter(workflow=workflow.pk).exclude(name=DEVELOP)
            choice.label_from_instance = _version_name  # type: ignore[method-assign,assignment]
            choice.empty_label = DEVELOP

    def clean(self) -> dict[str, Any]:
        """Check the shape of each part, then the workflow that they make; every fault names its place."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for part in PARTS:
            if part in cleaned and cleaned[part] is None:
                cleaned[part] = {} if part == "globals" else []
        if self.errors.keys() & set(PARTS):
            return cleaned
        content = self.content()
        for fault in shape_faults(content):
            self.add_error(fault.place, fault.message)
        if self.errors.keys() & set(PARTS):
            return cleaned
        for fault in spoken(content_faults(content, unsupported_types(self.develop.nodes))):
            self.add_error(next(part for part in PARTS if fault.place.startswith(part)), str(fault))
        return cleaned

    def content(self) -> Content:
        """Return the develop version as it was entered."""
        return Content(*(self.cleaned_data[part] for part in PARTS))

    def clean_save_as_version(self) -> str:
        """Refuse a name that is taken or has a meaning of its own."""
        name: str = self.cleaned_data["save_as_version"]
        fault: Said = name_fault(name) if name else ""
        if name and not fault and not self.instance._state.adding:
            fault = TAKEN if self.instance.versions.filter(name=name).exists() else room_fault(self.instance)
        if fault:
            raise ValidationError(fault)
        return name

    def save_versions(self) -> None:
        """Write the develop version and, where asked for, a named copy."""
        save_develop(self.instance, self.content())
        if name := self.cleaned_data.get("save_as_version"):
            create_version(self.instance, name)


def _version_name(version: WorkflowVersion) -> str:
    return version.name
