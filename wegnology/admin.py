"""Log-in and password pages, and accounts in the look of the other pages, for operators."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission, User
from django.http import HttpRequest
from django.utils.translation import gettext_lazy
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from wegnology.applications.operator_admin import OperatorAdmin
from wegnology.lib.theme import SwitchInput
from wegnology.login import LoginForm, change_password

admin.site.login_form = LoginForm
admin.site.password_change = change_password  # type: ignore[method-assign, assignment]
admin.site.unregister(User)
admin.site.unregister(Group)  # groups carry permissions of models, which mean nothing here: members have roles


class AccountForm(UserChangeForm):  # type: ignore[misc]
    """An account, and the one right that is not a role in an application."""

    creates_applications = forms.BooleanField(
        label=gettext_lazy("May create applications"),
        required=False,
        widget=SwitchInput(),
        help_text=gettext_lazy("Operators may always. Whoever creates an application is its administrator."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["creates_applications"] = self.instance.user_permissions.filter(pk=_creating().pk).exists()


@admin.register(User)
class UserAdmin(OperatorAdmin, DjangoUserAdmin):  # type: ignore[type-arg]
    """Who may log in. What they see there follows from the applications that they are members of."""

    form = AccountForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_active", "is_superuser", "last_login")
    list_filter = ("is_active", "is_superuser", "is_staff")
    filter_horizontal = ()
    readonly_fields = ("last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (gettext_lazy("Person"), {"fields": ("first_name", "last_name", "email")}),
        (gettext_lazy("Rights"), {"fields": ("is_active", "is_staff", "is_superuser", "creates_applications")}),
        (gettext_lazy("Dates"), {"fields": ("last_login", "date_joined")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "usable_password", "password1", "password2")}),)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        """Name the rights as these pages do."""
        made = super().get_form(request, obj, change=change, **kwargs)
        for name, (label, text) in _WORDS.items():
            if name in made.base_fields:
                made.base_fields[name].label, made.base_fields[name].help_text = label, text
        return made

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save, with the right to create applications."""
        super().save_related(request, form, formsets, change)
        if "creates_applications" in form.cleaned_data:
            rights = form.instance.user_permissions
            (rights.add if form.cleaned_data["creates_applications"] else rights.remove)(_creating())


_WORDS = {
    "is_active": (
        gettext_lazy("Active"),
        gettext_lazy("Switch off instead of deleting: the person cannot log in and counts as no member."),
    ),
    "is_staff": (gettext_lazy("May log in"), gettext_lazy("Switched on by itself for who becomes a member of an application.")),
    "is_superuser": (
        gettext_lazy("Operator"),
        gettext_lazy("Sees all applications, the processes and the accounts, and may do everything."),
    ),
}


def _creating() -> Permission:
    return Permission.objects.get(content_type__app_label="applications", codename="add_application")
