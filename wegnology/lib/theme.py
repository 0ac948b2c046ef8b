"""The admin theme in one place, typed as what it extends: the theme itself carries no types that mypy could read."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin as _ModelAdmin
    from django.contrib.admin import TabularInline as _TabularInline
    from django.contrib.admin.views.main import ChangeList
    from django.forms import BaseInlineFormSet as _InlineFormSet
    from django.forms import CheckboxInput as SwitchInput
    from django.forms import ModelForm as _ModelForm
    from django.forms import NumberInput, PasswordInput, Select, Textarea, TextInput
    from django.forms import NumberInput as DecimalInput

    from wegnology.lib.speaking import Said

    ModelAdmin = _ModelAdmin[Any]
    ModelForm = _ModelForm[Any]
    InlineFormSet = _InlineFormSet[Any, Any, Any]

    def row_action(*, description: Said, icon: str, permissions: Sequence[str]) -> Callable[[F], F]: ...

    TabularInline = _TabularInline[Any, Any]
else:
    from django.forms import ModelForm
    from unfold.admin import ModelAdmin, TabularInline
    from unfold.decorators import action as row_action
    from unfold.forms import PaginationInlineFormSet as InlineFormSet
    from unfold.views import ChangeList
    from unfold.widgets import UnfoldAdminDecimalFieldWidget as DecimalInput
    from unfold.widgets import UnfoldAdminIntegerFieldWidget as NumberInput
    from unfold.widgets import UnfoldAdminPasswordWidget as PasswordInput
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextareaWidget as Textarea
    from unfold.widgets import UnfoldAdminTextInputWidget as TextInput
    from unfold.widgets import UnfoldBooleanSwitchWidget as SwitchInput

__all__ = [
    "ChangeList",
    "DecimalInput",
    "InlineFormSet",
    "ModelAdmin",
    "ModelForm",
    "NumberInput",
    "PasswordInput",
    "Select",
    "SwitchInput",
    "TabularInline",
    "TextInput",
    "Textarea",
    "row_action",
]
