"""Roles and groups in the admin: given and taken through the services, which write the ledger."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.administration import RecordedAdmin, StrictAdmin
from departments import groups, services
from departments.administration import become
from departments.middleware import actor_of
from departments.models import Group, Membership, Role

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
        become(obj, services.add_member(obj.department, obj.user, obj.role, actor=actor_of(request)))

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        services.remove_member(obj, actor=actor_of(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Membership]) -> None:
        with transaction.atomic():
            for membership in queryset:
                services.remove_member(membership, actor=actor_of(request))


class GroupForm(forms.ModelForm):
    roles = forms.MultipleChoiceField(
        label=gettext_lazy("Roles of its members"),
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
            become(obj, groups.make_group(actor=actor, **given))

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
