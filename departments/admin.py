"""People, departments, tokens and sign-in links in the admin: pages over the services, which write the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group as DjangoGroup
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.generic import RedirectView

from audit.administration import ReadOnlyAdmin, RecordedAdmin, StrictAdmin
from departments import groups, second_factor, services, sessions
from departments.access import Verb
from departments.erasing_admin import erase
from departments.links import address_of, create_sign_in_link
from departments.middleware import actor_of
from departments.models import Absence, ApiToken, Department, Group, Membership, Notice, Role, SignInLink, User
from departments.tokens import LONGEST, create_token, revoke_token

admin.site.site_header = gettext_lazy("Tandem administration")
admin.site.site_title = gettext_lazy("Tandem administration")
admin.site.index_title = gettext_lazy("The whole server")
# One sign-in page for all, so that the limits on guessing hold here too, and the ledger sees every new password.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = RedirectView.as_view(pattern_name="account_change_password")  # type: ignore
# Roles take the place of Django's groups, and a person's one address stands in User.
admin.site.unregister([DjangoGroup, EmailAddress, UserSession, Authenticator])


SOURCES = ("group", "given_by__provider")


class MembershipForm(forms.ModelForm):
    class Meta:
        model = Membership
        fields = ("user", "department", "role")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        person = given.get("user")
        if person and not person.is_active:
            raise ValidationError(_("%(name)s is deactivated. Activate the account first.") % {"name": person})
        if self.instance._state.adding and not self.errors:
            Membership(**{name: given[name] for name in MembershipForm.Meta.fields}).validate_constraints()
        return given


@admin.display(description=gettext_lazy("from"))
def source(membership: Membership) -> str:
    """Where somebody has a role from; connectors/identity.py hangs a row on those that a provider gives."""
    if membership.group is not None:
        return _("the group %(group)s") % {"group": membership.group}
    given = getattr(membership, "given_by", None)
    return str(given.provider) if given else ""


class MembershipFormSet(forms.BaseInlineFormSet):
    def clean(self) -> None:
        super().clean()
        added = [form.instance for form in self.extra_forms if form.has_changed()]
        new = [(each.user_id, each.department_id, each.role) for each in added]
        if len(set(new)) < len(new):
            raise ValidationError(_("The same role stands here twice."))
        for form in self.deleted_forms:
            if form.instance.group is not None:
                raise ValidationError(
                    _("%(membership)s is held by a group. Take the person out of the group instead.")
                    % {"membership": form.instance}
                )


class MembershipInline(admin.TabularInline):
    """Roles are given and taken, never rewritten: the ledger tells of both."""

    model = Membership
    form = MembershipForm
    formset = MembershipFormSet
    extra = 0
    autocomplete_fields = ("user", "department")
    readonly_fields: ClassVar[Any] = (source,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Membership]:
        return super().get_queryset(request).select_related("user", "department", *SOURCES)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class WithMembers(RecordedAdmin):
    """A page that gives and takes roles beside its own fields."""

    inlines = (MembershipInline,)

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> Any:
        return self.inlines if obj else ()

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        formset.save(commit=False)
        for membership in formset.deleted_objects:
            services.remove_member(membership, actor=actor_of(request))
        for new in formset.new_objects:
            services.add_member(new.department, new.user, new.role, actor=actor_of(request))


class UserForm(forms.ModelForm):
    class Meta:
        model = User
        fields = ("email", "name", "is_active", "is_staff", "is_superuser", "is_auditor")
        labels = {"is_superuser": gettext_lazy("administrator")}
        help_texts = {
            "is_active": gettext_lazy("Untick this instead of deleting: the ledger and the runs keep their person."),
            "is_superuser": gettext_lazy("Manages people, models and departments of the whole server."),
        }

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
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
        return ["email", "name", "is_active", *rights, *self.readonly_fields] if obj else ["email", "name", *rights]

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        if change:
            _change_person(request, obj, set(form.changed_data))
            if "name" in form.changed_data:
                super().save_model(request, obj, form, change)
        else:
            rights = {right: getattr(obj, right) for right in services.RIGHTS}
            _become(obj, services.create_user(obj.email, obj.name, actor=actor_of(request), **rights))

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
        return _show_once(request, self, secrets, note)


@admin.register(Department)
class DepartmentAdmin(WithMembers):
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
            _become(obj, services.create_department(actor=actor_of(request), **form.cleaned_data))

    def department_of(self, row: Department) -> str:
        return row.slug


@admin.register(Membership)
class MembershipAdmin(StrictAdmin):
    form = MembershipForm
    list_display = ("user", "department", "role", source, "created_at")
    list_filter = ("department", "role")
    search_fields = ("user__name", "user__email", "department__name", "group__name")
    autocomplete_fields = ("user", "department")
    list_select_related = ("user", "department", *SOURCES)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_held_by_a_group = isinstance(obj, Membership) and obj.group_id is not None
        return not is_held_by_a_group and super().has_delete_permission(request, obj)

    def save_model(self, request: HttpRequest, obj: Membership, form: forms.ModelForm, change: bool) -> None:
        _become(obj, services.add_member(obj.department, obj.user, obj.role, actor=actor_of(request)))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        services.remove_member(obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        with transaction.atomic():
            for membership in queryset:
                services.remove_member(membership, actor=actor_of(request))


class GroupForm(forms.ModelForm):
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("roles of its members"),
        choices=Role.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=Group._meta.get_field("roles").help_text,
    )

    class Meta:
        model = Group
        fields = ("department", "name", "slug", "members", "roles")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        department = given.get("department") if self.instance._state.adding else self.instance.department
        if department:
            groups.refuse_strangers(department, given.get("members", ()), given.get("roles", ()))
        return given


@admin.register(Group)
class GroupAdmin(StrictAdmin):
    form = GroupForm
    list_display = ("name", "department", "slug", "of_members", "created_at")
    list_filter = ("department",)
    search_fields = ("name", "department__name")
    autocomplete_fields = ("department", "members")
    list_select_related = ("department",)

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> tuple[str, ...]:
        return ("department", "slug") if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Model | None = None) -> Any:
        return {} if obj else {"slug": ("name",)}

    @admin.display(description=gettext_lazy("roles of its members"))
    def of_members(self, group: Group) -> str:
        return group.role_names

    def save_model(self, request: HttpRequest, obj: Group, form: forms.ModelForm, change: bool) -> None:
        given, actor = form.cleaned_data, actor_of(request)
        if change:
            wanted = {"name": obj.name, "members": given["members"], "roles": given["roles"]}
            groups.change_group(Group.objects.get(pk=obj.pk), **wanted, actor=actor)
        else:
            _become(obj, groups.make_group(actor=actor, **given))

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """The members are saved by the service."""

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """The roles that it gives go with it, and are taken nowhere else."""
        listed, counts, _needed, protected = super().get_deleted_objects(objs, request)
        return listed, counts, set(), protected

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        groups.delete_group(obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Group]) -> None:
        with transaction.atomic():
            for group in queryset:
                self.delete_model(request, group)


@admin.register(Absence)
class AbsenceAdmin(ReadOnlyAdmin):
    """What somebody noted about it is theirs, and not shown."""

    list_display = ("user", "starts", "ends", "stand_in")
    search_fields = ("user__name", "user__email")
    exclude = ("note",)
    date_hierarchy = "starts"
    list_select_related = ("user", "stand_in")


class ApiTokenForm(forms.ModelForm):
    days = forms.IntegerField(label=gettext_lazy("days until it expires"), min_value=1, max_value=365, initial=365)

    only = forms.MultipleChoiceField(
        label=gettext_lazy("only these verbs"),
        choices=[(verb.value, verb.value) for verb in Verb],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=gettext_lazy("None: all that the role may."),
    )

    class Meta:
        model = ApiToken
        fields = ("name", "department", "role", "only")
        help_texts = {"name": gettext_lazy("Which program uses it.")}


@admin.register(ApiToken)
class ApiTokenAdmin(StrictAdmin):
    form = ApiTokenForm
    list_display = ("name", "department", "role", "prefix", "expires_at", "last_used_at", "revoked_at")
    list_filter = ("department", "role")
    search_fields = ("name", "prefix", "department__name")
    date_hierarchy = "created_at"
    list_select_related = ("department",)
    autocomplete_fields = ("department",)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_fields(self, request: HttpRequest, obj: Model | None = None) -> list[Any]:
        shown = ["created_by", "created_at", "expires_at", "last_used_at", "revoked_at"]
        own = ["name", "department", "role", "only"]
        return [*own, "prefix", *shown] if obj else [*own, "days"]

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        lifetime = min(timedelta(days=form.cleaned_data["days"]), LONGEST)
        token, secret = create_token(
            obj.department,
            role=obj.role,
            name=obj.name,
            actor=actor_of(request),
            lifetime=lifetime,
            only=form.cleaned_data["only"],
        )
        _become(obj, token)
        obj.secret = secret  # for the answer to this request, and never saved

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        note = _("This is the only time the token is shown. Give it to the program that needs it.")
        return _show_once(request, self, [(obj, obj.secret)], note)

    @admin.action(description=gettext_lazy("Revoke"), permissions=["view"])
    def revoke(self, request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
        with transaction.atomic():
            for token in tokens:
                revoke_token(token, actor=actor_of(request))


@admin.register(UserSession)
class UserSessionAdmin(ReadOnlyAdmin):
    list_display = ("user", "program", "ip", "created_at", "last_seen_at")
    list_display_links = None
    search_fields = ("user__name", "user__email", "ip")
    date_hierarchy = "created_at"
    list_select_related = ("user",)
    actions = ("end",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super().has_view_permission(request)  # its page would show the key

    @admin.display(description=gettext_lazy("program"))
    def program(self, row: UserSession) -> str:
        return sessions.program_of(row)

    @admin.action(description=gettext_lazy("End: sign them out"), permissions=["view"])
    def end(self, request: HttpRequest, found: QuerySet[UserSession]) -> None:
        sessions.end_sessions(found.select_related("user"), actor=actor_of(request))


@admin.register(Authenticator)
class AuthenticatorAdmin(ReadOnlyAdmin):
    list_display = ("user", "type", "created_at", "last_used_at")
    list_display_links = None
    list_filter = ("type",)
    search_fields = ("user__name", "user__email")
    date_hierarchy = "created_at"
    list_select_related = ("user",)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return obj is None and super().has_view_permission(request)


@admin.register(SignInLink)
class SignInLinkAdmin(ReadOnlyAdmin):
    list_display = ("user", "created_at", "expires_at", "used_at")
    search_fields = ("user__name", "user__email")
    date_hierarchy = "created_at"
    list_select_related = ("user",)


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


def _become(row: Model, saved: Model) -> None:
    """The admin goes on with the row of its form, the service has made another one: make them the same."""
    row.__dict__.update(saved.__dict__)


def _show_once(
    request: HttpRequest, page: admin.ModelAdmin, secrets: list[tuple[Model, str]], note: str
) -> HttpResponse:
    """Straight into the answer, and into no session, message or log."""
    context = {**page.admin_site.each_context(request), "opts": page.opts, "secrets": secrets, "note": note}
    answer = TemplateResponse(request, "departments/admin_secrets.html", {**context, "title": _("Shown only now")})
    answer["Cache-Control"] = "no-store"
    return answer
