"""The members of an application, on its page."""

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wegnology.applications.access import AnyUser, is_operator
from wegnology.applications.members import find_account, keep_an_administrator, lock_members
from wegnology.applications.models import Member, Role
from wegnology.applications.owned_admin import OwnedInline
from wegnology.lib.theme import InlineFormSet, ModelForm, TextInput


class MemberForm(ModelForm):
    """A member: the person is named once, the role can change."""

    who = forms.CharField(
        label=gettext_lazy("Person"), max_length=254, widget=TextInput(attrs={"placeholder": gettext_lazy("user name or e-mail")})
    )

    class Meta:
        model = Member
        fields = ("role",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["who"].widget.attrs["aria-label"] = _("Person")
        if "role" in self.fields:
            self.fields["role"].widget.attrs["aria-label"] = _("Role")
        if not self.instance._state.adding:
            self.fields["who"].disabled = True
            self.initial["who"] = name_of(self.instance)

    def clean_who(self) -> str:
        """Find the person."""
        text: str = self.cleaned_data["who"]
        if self.instance._state.adding:
            self.instance.user = find_account(text.strip())
        return text


class MemberFormSet(InlineFormSet):
    """The members together: each once, one of them an administrator."""

    actor: ClassVar[AnyUser]

    @property
    def alone(self) -> str:
        """Say who sees the application when there are no other members; empty when there are."""
        people = {form.instance.user_id for form in self.initial_forms}
        if people - {self.actor.pk}:
            return ""
        return _("Only you.") if people else _("Nobody yet: only operators see this application.")

    def clean(self) -> None:
        """Check what only all of them show together."""
        super().clean()
        changed = [form for form in self.forms if form.has_changed() or self._leaves(form)]
        if any(self.errors) or not changed:
            return
        members = lock_members(self.instance.pk)
        changes: dict[int, Role | None] = {}
        for form in changed:
            user_id = form.instance.user_id
            if user_id in changes or (form.instance._state.adding and user_id in members):
                form.add_error("who", _("%(username)s is a member already.") % {"username": form.instance.user.get_username()})
                return
            changes[user_id] = None if self._leaves(form) else Role(form.cleaned_data["role"])
        if not is_operator(self.actor):
            keep_an_administrator(members, changes)

    def _leaves(self, form: Any) -> bool:
        return bool(self.can_delete and self._should_delete_form(form))  # type: ignore[attr-defined]


class MemberInline(OwnedInline):
    """Who may do what. Everyone in the application sees it, administrators change it."""

    model = Member
    form = MemberForm
    formset = MemberFormSet
    roles: ClassVar = dict.fromkeys(("add", "change", "delete"), Role.ADMINISTRATOR) | {"view": Role.VIEWER}
    fields = ("who", "role")
    hide_title = True
    template_before = "admin/applications/application/members.html"
    verbose_name_plural = gettext_lazy("Members")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Read the people with their memberships."""
        return super().get_queryset(request).select_related("user")

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Tell the forms who asks."""
        made: Any = super().get_formset(request, obj, **kwargs)
        made.actor = request.user
        return made

    @admin.display(description=gettext_lazy("Person"))
    def who(self, row: Member) -> str:
        """Return the person for who may look but not change."""
        return name_of(row)


def name_of(row: Member) -> str:
    """Return the user name of a member, with the full name where there is one."""
    full = row.user.get_full_name()
    return f"{row.user.get_username()} ({full})" if full else row.user.get_username()
