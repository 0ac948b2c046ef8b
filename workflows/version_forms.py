"""The form of a new version."""

from django import forms
from django.utils.translation import gettext_lazy

from wegnology.lib.theme import Textarea, TextInput
from workflows.versions import NAME_LENGTH


class VersionForm(forms.Form):
    """Name and notes of a version that keeps what develop holds."""

    name = forms.CharField(max_length=NAME_LENGTH, widget=TextInput(attrs={"placeholder": "1.0.0"}))
    notes = forms.CharField(required=False, widget=Textarea(attrs={"rows": 2}))
    make_default = forms.BooleanField(label=gettext_lazy("Make default"), required=False)
