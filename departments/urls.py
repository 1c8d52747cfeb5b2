"""Routes of people: signing in and out, passwords, second factors, sessions, and the ledger of who did what."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as factors
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as passkeys
from django.contrib.auth.decorators import login_required
from django.db.transaction import atomic
from django.urls import path, re_path
from django.views.generic import RedirectView

from departments import ledger, my_sign_in, pages

to_my_sign_in = login_required(RedirectView.as_view(pattern_name="my_sign_in"))

# Changes of second factors are one transaction with their entry in the ledger.
urlpatterns = [
    path("sign-in/<str:token>/", pages.sign_in_link, name="sign_in_link"),
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/password/change/", account.password_change, name="account_change_password"),
    path("accounts/password/set/", my_sign_in.choose_password, name="account_set_password"),
    path("accounts/password/reset/", account.password_reset, name="account_reset_password"),
    path("accounts/password/reset/done/", account.password_reset_done, name="account_reset_password_done"),
    path(
        "accounts/password/reset/key/done/",
        account.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^accounts/password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        account.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("accounts/sign-in/", my_sign_in.my_sign_in, name="my_sign_in"),
    path("accounts/sign-in/factors/", to_my_sign_in, name="mfa_index"),
    path("accounts/sign-in/passkeys/", to_my_sign_in, name="mfa_list_webauthn"),
    path("accounts/sign-in/passkeys/add/", atomic(passkeys.add_webauthn), name="mfa_add_webauthn"),
    path("accounts/sign-in/passkeys/<int:pk>/remove/", atomic(passkeys.remove_webauthn), name="mfa_remove_webauthn"),
    path("accounts/sign-in/app/add/", atomic(totp.activate_totp), name="mfa_activate_totp"),
    path("accounts/sign-in/app/remove/", atomic(totp.deactivate_totp), name="mfa_deactivate_totp"),
    path("accounts/sign-in/codes/", codes.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("accounts/sign-in/codes/new/", atomic(codes.generate_recovery_codes), name="mfa_generate_recovery_codes"),
    path("accounts/second-factor/", factors.authenticate, name="mfa_authenticate"),
    path("accounts/passkey/", passkeys.login_webauthn, name="mfa_login_webauthn"),
    path("accounts/again/password/", account.reauthenticate, name="account_reauthenticate"),
    path("accounts/again/code/", factors.reauthenticate, name="mfa_reauthenticate"),
    path("accounts/again/passkey/", passkeys.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"),
    path("accounts/sessions/<int:number>/end/", my_sign_in.end_session, name="session_end"),
    path("accounts/sessions/end-others/", my_sign_in.end_other_sessions, name="sessions_end_others"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("ledger/ledger.csv", ledger.export, {"form": "csv"}, name="ledger_csv"),
    path("ledger/ledger.jsonl", ledger.export, {"form": "jsonl"}, name="ledger_jsonl"),
]
