"""The form of a workflow: its own fields and its develop version as JSON, checked as the engine will read it."""

from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from wegnology.lib.fields import JSONTextField
from wegnology.lib.theme import ModelForm, Textarea, TextInput
from workflows.exceptions import GraphInvalid
from workflows.graph import Graph
from workflows.models import DEVELOP, Workflow, WorkflowVersion

RESERVED = (DEVELOP, "default")


class WorkflowForm(ModelForm):
    """A workflow with the parts of its develop version."""

    triggers = JSONTextField(
        rows=10,
        required=False,
        help_text='A list. One for each integration that starts it: {"type": "integration", "key": "&lt;integration id&gt;", '
        '"config": {"message": true}, "outputIds": [["&lt;id of the first node&gt;"]]}. Others are {"type": "timer", "config": '
        '{"seconds": 60}}, virtualButton, webhook and flowError; saving gives them their keys.',
    )
    nodes = JSONTextField(
        rows=20,
        required=False,
        help_text='A list of nodes: {"id", "type", "config", "outputIds"}. outputIds holds one list of node ids for each output.',
    )
    globals = JSONTextField(
        rows=4, required=False, help_text='An object; each key goes before the application\'s global of that name: {"limit": 5}.'
    )
    save_as_version = forms.CharField(
        max_length=255,
        required=False,
        widget=TextInput(),
        help_text="Keeps a copy of what you save under this name; it can never be changed. Leave empty for none.",
    )

    class Meta:
        model = Workflow
        fields = ("application", "name", "description", "enabled", "default_version")
        widgets: ClassVar = {"description": Textarea(attrs={"rows": 3})}

    parts: ClassVar[dict[str, type]] = {"triggers": list, "nodes": list, "globals": dict}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        workflow = self.instance
        develop = None if workflow._state.adding else workflow.versions.filter(name=DEVELOP).first()
        self.develop = develop or WorkflowVersion(workflow=workflow, name=DEVELOP)
        self.initial = {**{part: getattr(self.develop, part) for part in self.parts}, **self.initial}
        if isinstance(choice := self.fields.get("default_version"), forms.ModelChoiceField):
            choice.queryset = WorkflowVersion.objects.filter(workflow=workflow.pk).exclude(name=DEVELOP)
            choice.label_from_instance = _version_name  # type: ignore[method-assign,assignment]
            choice.empty_label = DEVELOP

    def clean(self) -> dict[str, Any]:
        """Check the shape of each part, then the graph that they make; every fault names its place."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for part, kind in self.parts.items():
            if part in cleaned and cleaned[part] is None:
                cleaned[part] = kind()
            if part in cleaned and not isinstance(cleaned[part], kind):
                self.add_error(part, f"This must be {'a list: [ ... ]' if kind is list else 'an object: { ... }'}.")
        if not self.errors.keys() & {"triggers", "nodes"}:
            self._check_graph(cleaned)
        return cleaned

    def _check_graph(self, cleaned: dict[str, Any]) -> None:
        try:
            Graph.parse(cleaned["triggers"], cleaned["nodes"])
        except GraphInvalid as error:
            for fault in error.faults:
                self.add_error("triggers" if fault.place.startswith("triggers") else "nodes", str(fault))

    def clean_save_as_version(self) -> str:
        """Refuse a name that is taken or has a meaning of its own."""
        name: str = self.cleaned_data["save_as_version"]
        if name in RESERVED:
            raise ValidationError(f"A version cannot be called {name}.")
        if name and not self.instance._state.adding and self.instance.versions.filter(name=name).exists():
            raise ValidationError("There is a version of this name; versions never change.")
        return name

    def save_versions(self) -> None:
        """Write the develop version and, where asked for, a named copy."""
        parts = {part: self.cleaned_data[part] for part in self.parts}
        for part, value in parts.items():
            setattr(self.develop, part, value)
        self.develop.workflow = self.instance
        self.develop.save()
        if name := self.cleaned_data.get("save_as_version"):
            WorkflowVersion.objects.create(workflow=self.instance, name=name, **parts)


def _version_name(version: WorkflowVersion) -> str:
    return version.name
