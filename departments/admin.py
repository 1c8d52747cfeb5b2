"""People and departments in the admin: pages over the services, which write the ledger."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group as DjangoGroup
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import RedirectView

from audit.administration import ReadOnlyAdmin, translated_once
from departments import second_factor, services, sessions
from departments.administration import become
from departments.erasing_admin import erase
from departments.links import address_of, create_sign_in_link
from departments.membership_admin import WithMembers
from departments.middleware import actor_of
from departments.models import Absence, Department, Notice, User
from departments.sign_in_admin import show_once

admin.site.site_header = gettext_lazy("Tandem administration")
admin.site.site_title = gettext_lazy("Tandem administration")
admin.site.index_title = gettext_lazy("The whole server")
admin.site._build_app_dict = translated_once(admin.site._build_app_dict)  # type: ignore
# One sign-in page for all, so that the limits on guessing hold here too, and the ledger sees every new password.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = RedirectView.as_view(pattern_name="account_change_password")  # type: ignore
# Roles take the place of Django's groups, and a person's one address stands in User.
admin.site.unregister([DjangoGroup, EmailAddress])


class UserForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_staff", "is_superuser", "is_auditor")
        labels = {"is_superuser": gettext_lazy("Administrator")}
        help_texts = {
            "is_active": gettext_lazy("Untick this instead of deleting: the ledger and the runs keep their person."),
            "is_superuser": gettext_lazy("Manages people, models and departments of the whole server."),
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("is_superuser"):
            given["is_staff"] = True
        if self.instance.pk and not (given.get("is_active") and given.get("is_superuser")):
            services.refuse_for_last_administrator(User(pk=self.instance.pk))
        return given


@admin.register(User)
class UserAdmin(WithMembers):
    form = UserForm
    list_display = ("name", "email", "is_active", "is_superuser", "is_auditor", "last_login")
    list_filter = (
        "is_active",
        "is_superuser",
        "is_staff",
        "is_auditor",
        "memberships__department",
        "memberships__role",
    )
    search_fields = ("name", "email")
    readonly_fields = ("last_login", "date_joined", "erased_at")
    actions: tuple[Any, ...] = (
        "make_links",
        "forget_passwords",
        "forget_factors",
        "end_sessions",
        "deactivate",
        "activate",
        erase,
    )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        is_erased = obj is not None and obj.erased_at is not None
        return not is_erased and super().has_change_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        rights = ["is_staff", "is_superuser", "is_auditor"]
        if obj is None:
            return ["email", "name", *rights[1:]]
        return ["email", "name", "is_active", *rights, *self.readonly_fields]

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        if change:
            _change_person(request, obj, set(form.changed_data))
            if "name" in form.changed_data:
                super().save_model(request, obj, form, change)
        else:
            rights = {right: getattr(obj, right) for right in services.RIGHTS}
            become(obj, services.create_user(obj.email, obj.name, actor=actor_of(request), **rights))

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        return self._show_links(request, [obj])

    @admin.action(description=gettext_lazy("Make one-time sign-in links"), permissions=["change"])
    def make_links(self, request: HttpRequest, people: QuerySet[User]) -> HttpResponse:
        return self._show_links(request, people)

    @admin.action(
        description=gettext_lazy("Forget the passwords and make one-time sign-in links"), permissions=["change"]
    )
    def forget_passwords(self, request: HttpRequest, people: QuerySet[User]) -> HttpResponse:
        return self._show_links(request, people, forget_password=True)

    @admin.action(description=gettext_lazy("Take away the second factors"), permissions=["change"])
    def forget_factors(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in people:
            second_factor.forget(person, actor=actor_of(request))

    @admin.action(description=gettext_lazy("Sign out everywhere"), permissions=["change"])
    def end_sessions(self, request: HttpRequest, people: QuerySet[User]) -> None:
        found = UserSession.objects.filter(user__in=people).select_related("user")
        sessions.end_sessions(found, actor=actor_of(request))

    @admin.action(description=gettext_lazy("Deactivate"), permissions=["change"])
    def deactivate(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in people.filter(is_active=True):
            try:
                services.deactivate_user(person, actor=actor_of(request))
            except ValidationError as refusal:
                self.message_user(request, " ".join(refusal.messages), "error")

    @admin.action(description=gettext_lazy("Activate again"), permissions=["change"])
    def activate(self, request: HttpRequest, people: QuerySet[User]) -> None:
        for person in people.filter(is_active=False, erased_at=None):
            services.reactivate_user(person, actor=actor_of(request))

    def _show_links(self, request: HttpRequest, people: Any, *, forget_password: bool = False) -> HttpResponse:
        with transaction.atomic():
            secrets = [
                (
                    person,
                    address_of(create_sign_in_link(person, actor=actor_of(request), forget_password=forget_password)),
                )
                for person in people
                if person.is_active
            ]
        note = _("Each link signs its person in once, within a day. Hand it over on a way that only they can read.")
        return show_once(request, self, secrets, note)


class Lines(forms.CharField):
    """A list of texts, one on each line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(data) != (initial or []))


class DepartmentForm(forms.ModelForm):
    egress_hosts = Lines(
        label=gettext_lazy("Hosts that its workflows may reach"),
        required=False,
        help_text=gettext_lazy(
            "One on each line: api.example.com, smtp://mail.example.com, private:http://10.0.0.5:8080. Without any its "
            "workflows reach nothing outside. What is no web server has its kind before the name: smtp, imap, "
            "postgresql, mysql or sftp. “private:” lets it lead into your own network."
        ),
    )
    days_off = Lines(
        label=gettext_lazy("Own days off"),
        required=False,
        help_text=gettext_lazy("Further days on which nobody works, one on each line: 2026-12-24."),
    )

    class Meta:
        model = Department
        fields = ("egress_hosts", "days_off")


@admin.register(Department)
class DepartmentAdmin(WithMembers):
    form = DepartmentForm
    list_display = ("name", "slug", "time_zone", "created_at")
    search_fields = ("name", "slug")
    fields = (
        *("name", "slug", "time_zone", *services.HOURS, "egress_hosts", "second_person_publishes"),
        "decides_by_mail_without_sign_in",
    )

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return {} if obj else {"slug": ("name",)}

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
        else:
            become(obj, services.create_department(actor=actor_of(request), **form.cleaned_data))

    def department_of(self, row: Department) -> str:
        return row.slug


@admin.register(Absence)
class AbsenceAdmin(ReadOnlyAdmin):
    """What somebody noted about it is theirs, and not shown."""

    list_display = ("user", "starts", "ends", "stand_in")
    search_fields = ("user__name", "user__email")
    exclude = ("note",)
    date_hierarchy = "starts"
    list_select_related = ("user", "stand_in")


@admin.register(Notice)
class NoticeAdmin(ReadOnlyAdmin):
    """Whether mail went, never what it said: that is for its person (case Z14)."""

    list_display = ("person", "kind", "department", "status", "error", "attempts", "next_at", "created_at", "sent_at")
    list_filter = ("status", "kind", "department")
    search_fields = ("person__name", "person__email", "kind", "department__name", "key")
    date_hierarchy = "created_at"
    list_select_related = ("person", "department")
    fields = ("key", *list_display)
    actions = ("send_again",)

    @admin.action(description=gettext_lazy("Send again"), permissions=["view"])
    def send_again(self, request: HttpRequest, chosen: QuerySet[Notice]) -> None:
        sent = 0
        for notice in chosen:
            try:
                services.send_again(notice, actor=actor_of(request))
                sent += 1
            except ValidationError as refusal:
                self.message_user(request, " ".join(refusal.messages), "error")
        if sent:
            self.message_user(request, ngettext("%d notice is sent again.", "%d notices are sent again.", sent) % sent)


def _change_person(request: HttpRequest, wanted: User, changed: set[str]) -> None:
    """Each kind of change through its own service, on a copy that holds what is stored."""
    actor = actor_of(request)
    stored = User.objects.get(pk=wanted.pk)
    if rights := {right: getattr(wanted, right) for right in services.RIGHTS if right in changed}:
        services.change_rights(stored, actor=actor, **rights)
    if "email" in changed:
        services.change_email(stored, wanted.email, actor=actor)
    if "is_active" in changed:
        turn = services.reactivate_user if wanted.is_active else services.deactivate_user
        turn(stored, actor=actor)
