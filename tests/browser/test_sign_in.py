"""Signing in as people do it: with a passkey that Chromium's own authenticator keeps, and at another server."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from audit.models import Entry
from connectors import vault
from connectors.models import IdentityProvider
from tests.factories import make_user
from tests.identity_servers import OPENID_CLIENT, OPENID_SECRET, openid_server

PASSWORD = "correct horse battery"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.mark.django_db(transaction=True)
def test_a_passkey_is_made_signs_in_alone_and_is_removed(
    live_server: LiveServer, page: Page, seen: Callable[[str], None]
) -> None:
    # Passkeys are for names: the address of the server has none.
    at = live_server.url.replace("127.0.0.1", "localhost")
    make_user("Lea", email="lea@tandem.example", password=PASSWORD)
    devices = page.context.new_cdp_session(page)
    devices.send("WebAuthn.enable")
    devices.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})

    page.goto(f"{at}/accounts/login/")
    page.get_by_label("E-mail address").fill("lea@tandem.example")
    page.get_by_label("Password").fill(PASSWORD)
    seen("sign-in")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.goto(f"{at}/accounts/sign-in/")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("What do you call it?").fill("Work laptop")
    seen("passkey-add")
    page.get_by_role("button", name="Make the passkey").click()
    expect(page.get_by_text("I have kept them")).to_be_visible()
    seen("recovery-codes")
    page.get_by_text("I have kept them").click()
    expect(page.get_by_text("passkey, signs in alone")).to_be_visible()
    seen("my-sign-in")
    page.goto(f"{at}/accounts/sign-in/app/add/")
    seen("app-add")

    page.context.clear_cookies()
    page.goto(f"{at}/accounts/login/?next=/accounts/sign-in/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("last used")).to_be_visible()

    page.context.clear_cookies()
    page.goto(f"{at}/accounts/login/")
    page.get_by_label("E-mail address").fill("lea@tandem.example")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    seen("second-factor")
    page.get_by_role("button", name="Use a passkey").click()
    expect(page).not_to_have_url(re.compile("second-factor"))

    page.goto(f"{at}/accounts/sign-in/")
    page.get_by_role("link", name=re.compile("Remove.*Work laptop")).click()
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("The passkey is removed.")).to_be_visible()
    methods = Entry.objects.filter(verb="person.signed_in").order_by("id").values_list("detail", flat=True)
    assert list(methods) == [
        {"method": "password"},
        {"method": "passkey"},
        {"method": "password", "second_factor": "webauthn"},
    ]


@pytest.mark.django_db(transaction=True)
def test_a_person_comes_in_with_the_companys_account_and_another_is_told_why_not(
    live_server: LiveServer, page: Page, seen: Callable[[str], None]
) -> None:
    grace = {"sub": "1815", "email": "grace@example.com", "email_verified": True, "name": "Grace Hopper"}
    with openid_server(person=grace) as there:
        there.redirects.add(f"{live_server.url}/accounts/oidc/office/back/")
        office = IdentityProvider.objects.create(
            name="the Office",
            slug="office",
            issuer=there.at,
            client_id=OPENID_CLIENT,
            secret=vault.keep({"secret": OPENID_SECRET}, None),
            hosts=[f"private:{there.at}"],
            makes_accounts=True,
        )
        page.goto("/accounts/login/?next=/accounts/sign-in/")
        seen("sign-in-with-the-office")
        page.get_by_role("link", name="Sign in with the Office").click()
        expect(page.get_by_text("You have no password.")).to_be_visible()

        page.context.clear_cookies()
        IdentityProvider.objects.filter(pk=office.pk).update(makes_accounts=False)
        there.person |= {"sub": "1906", "email": "ada@example.com"}
        page.expected = ["403", "401"]  # type: ignore[attr-defined]
        page.goto("/accounts/login/")
        page.get_by_role("link", name="Sign in with the Office").click()
        expect(page.get_by_text("You have no account here.")).to_be_visible()
        seen("not-let-in")
        page.goto("/accounts/oidc/office/back/?code=x")
        expect(page.get_by_role("heading", name="That did not work")).to_be_visible()
        seen("did-not-work")
