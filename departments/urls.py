"""Routes of people: signing in and out, passwords, and the ledger of who did what."""

from __future__ import annotations

from allauth.account import views as account
from django.urls import path, re_path

from departments import ledger, my_sign_in, pages

urlpatterns = [
    path("sign-in/<str:token>/", pages.sign_in_link, name="sign_in_link"),
    path("accounts/login/", account.login, name="account_login"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/password/change/", account.password_change, name="account_change_password"),
    path("accounts/password/set/", account.password_set, name="account_set_password"),
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
    path("accounts/sessions/<int:number>/end/", my_sign_in.end_session, name="session_end"),
    path("accounts/sessions/end-others/", my_sign_in.end_other_sessions, name="sessions_end_others"),
    path("ledger/", ledger.ledger, name="ledger"),
    path("ledger/ledger.csv", ledger.export, {"form": "csv"}, name="ledger_csv"),
    path("ledger/ledger.jsonl", ledger.export, {"form": "jsonl"}, name="ledger_jsonl"),
]
