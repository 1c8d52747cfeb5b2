"""What lets in, in the admin: tokens, sessions, second factors and sign-in links."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django import forms
from django.contrib import admin
from django.db import transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.administration import ReadOnlyAdmin, StrictAdmin
from departments import sessions
from departments.access import Verb
from departments.administration import become
from departments.middleware import actor_of
from departments.models import ApiToken, SignInLink
from departments.tokens import LONGEST, create_token, revoke_token

admin.site.unregister([UserSession, Authenticator])


def show_once(
    request: HttpRequest, page: admin.ModelAdmin, secrets: list[tuple[Model, str]], note: str
) -> HttpResponse:
    """Straight into the answer, and into no session, message or log."""
    context = {**page.admin_site.each_context(request), "opts": page.opts, "secrets": secrets, "note": note}
    answer = TemplateResponse(request, "departments/admin_secrets.html", {**context, "title": _("Shown only now")})
    answer["Cache-Control"] = "no-store"
    return answer


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
        become(obj, token)
        obj.secret = secret  # for the answer to this request, and never saved

    def response_add(self, request: HttpRequest, obj: Any, post_url_continue: str | None = None) -> HttpResponse:
        note = _("This is the only time the token is shown. Give it to the program that needs it.")
        return show_once(request, self, [(obj, obj.secret)], note)

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
