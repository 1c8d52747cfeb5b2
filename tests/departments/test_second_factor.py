"""Codes of an app, recovery codes, and the admin that asks for one of them (case Z15)."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.core.management import call_command
from django.test import Client
from pytest_django import Settings

from audit.models import Entry
from config import env, production
from connectors.models import Secret
from departments import second_factor
from departments.access import SYSTEM
from departments.links import create_sign_in_link
from departments.models import User
from tests.departments.test_sign_in import PASSWORD, sign_in
from tests.departments.written import told
from tests.factories import make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def robin(settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return make_user("Robin", email="robin@tandem.example", password=PASSWORD, is_staff=True, is_superuser=True)


def begin(email: str = "robin@tandem.example") -> Client:
    client = Client()
    sign_in(client, email, PASSWORD)
    return client


def code_of(key: str, later: int = 0) -> str:
    return format_hotp_value(hotp_value(key, int(time.time()) // 30 + later))


def set_up(client: Client) -> tuple[str, list[str]]:
    """The key of the app, and the recovery codes."""
    page = client.get("/accounts/sign-in/app/add/").content.decode()
    key = re.search(r'class="td-key">([A-Z2-7]{32})<', page)[1]
    answer = client.post("/accounts/sign-in/app/add/", {"code": code_of(key)})
    assert answer["Location"] == "/accounts/sign-in/codes/"
    return key, re.findall(r"<code>(\d{8})</code>", client.get(answer["Location"]).content.decode())


def is_in(client: Client) -> bool:
    return client.get("/accounts/sign-in/").status_code == 200


def verbs() -> list[str]:
    return list(Entry.objects.order_by("id").values_list("verb", flat=True))


def test_after_the_password_a_code_of_the_app_is_asked_and_works_once(robin: User) -> None:
    with time_machine.travel(time.time() // 30 * 30 + 10, tick=False) as clock:
        key, _codes = set_up(begin())
        clock.shift(60)
        client, thief = begin(), begin()

        asked = client.get("/accounts/sign-in/", follow=True)
        refused = client.post("/accounts/second-factor/", {"code": "000000"})
        accepted = client.post("/accounts/second-factor/", {"code": code_of(key)})
        code = code_of(key)
        for later_s in (0, 25, 24):
            clock.shift(later_s)
            thief.post("/accounts/second-factor/", {"code": f"{code[:3]} {code[3:]}"})

    assert "Sign in" in asked.content.decode()
    assert ("Incorrect code" in refused.content.decode(), accepted.status_code) == (True, 302)
    assert (is_in(client), is_in(thief)) == (True, False)
    signed_in = Entry.objects.filter(verb="person.signed_in").latest("id")
    assert signed_in.detail == {"method": "password", "second_factor": "totp"}
    assert verbs().count("person.second_factor_failed") == 4
    assert Entry.objects.get(verb="person.second_factor_added").detail == {"kind": "totp"}


def test_a_recovery_code_stands_in_once_and_is_shown_once(robin: User) -> None:
    with time_machine.travel(time.time(), tick=False):
        client = begin()
        _key, codes = set_up(client)

        first, second = begin(), begin()
        first.post("/accounts/second-factor/", {"code": codes[3]})
        second.post("/accounts/second-factor/", {"code": codes[3]})
        again = client.get("/accounts/sign-in/codes/").content.decode()

    assert (len(codes), is_in(first), is_in(second)) == (10, True, False)
    assert not any(code in again for code in codes)
    assert "9 of 10 are left" in again
    assert "9 are left" in client.get("/accounts/sign-in/").content.decode()
    assert "person.recovery_code_used" in verbs()
    client.post("/accounts/sign-in/codes/new/")
    third = begin()
    third.post("/accounts/second-factor/", {"code": codes[4]})
    assert not is_in(third)
    assert verbs().count("person.recovery_codes_made") == 2


def test_guessing_codes_stops_after_ten_tries_wherever_they_come_from(robin: User) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        key, _codes = set_up(begin())
        clock.shift(60)
        client = begin()
        for number in range(10):
            client.post("/accounts/second-factor/", {"code": f"{number:06}"}, REMOTE_ADDR=f"10.0.{number}.1")

        right = client.post("/accounts/second-factor/", {"code": code_of(key)}, REMOTE_ADDR="10.1.0.1")

        assert "Try again in 15 minutes" in right.content.decode()
        assert not is_in(client)


def test_the_secrets_of_factors_lie_in_the_vault_and_go_with_them(robin: User) -> None:
    client = begin()
    key, codes = set_up(client)

    kept = str(list(Authenticator.objects.values())) + str(list(Entry.objects.values()))
    assert not [secret for secret in (key, *codes) if secret in kept]
    assert Secret.objects.count() == 2
    listed = client.get("/admin/mfa/authenticator/").content.decode()
    assert ("Robin" in listed, client.get("/admin/mfa/authenticator/1/change/").status_code) == (True, 302)

    assert client.get("/accounts/sign-in/app/remove/").status_code == 200
    client.post("/accounts/sign-in/app/remove/")

    assert (Authenticator.objects.count(), Secret.objects.count()) == (0, 0)
    assert verbs().count("person.second_factor_removed") == 2


def test_changing_factors_asks_for_the_password_again_after_a_while(robin: User) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        client = begin()
        clock.shift(301)
        asked = client.get("/accounts/sign-in/app/add/")
        wrong = client.post(asked["Location"], {"password": "wrong"})
        right = client.post(asked["Location"], {"password": PASSWORD})

        assert asked["Location"] == "/accounts/again/password/?next=%2Faccounts%2Fsign-in%2Fapp%2Fadd%2F"
        assert (wrong.status_code, right["Location"]) == (200, "/accounts/sign-in/app/add/")
        assert client.get(right["Location"]).status_code == 200


def test_the_admin_asks_for_a_second_factor_and_leads_to_where_it_is_set_up(robin: User, settings: Settings) -> None:
    settings.ADMIN_NEEDS_SECOND_FACTOR = True
    with time_machine.travel(time.time(), tick=False) as clock:
        client, before = begin(), Client()

        refused = client.get("/admin/", follow=True)
        changed = client.post("/admin/departments/department/add/", {"name": "X"})
        key, _codes = set_up(client)
        clock.shift(60)
        before.force_login(robin)
        older = before.get("/admin/departments/user/")
        asked = before.post(older["Location"], {"code": code_of(key)})

        assert (refused.redirect_chain[-1][0], changed["Location"]) == ("/accounts/sign-in/", "/accounts/sign-in/")
        assert "Set one up here" in refused.content.decode()
        assert client.get("/admin/").status_code == 200
        assert older["Location"] == "/accounts/again/code/?next=%2Fadmin%2Fdepartments%2Fuser%2F"
        assert asked["Location"] == "/admin/departments/user/"
        assert before.get("/admin/").status_code == 200
    Authenticator.objects.all().delete()
    assert client.get("/admin/")["Location"] == "/accounts/sign-in/"


def test_a_factor_ends_the_other_sessions_and_only_who_gives_it_removes_it(robin: User) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        thief, owner = begin(), begin()
        key, codes = set_up(owner)
        assert (is_in(thief), is_in(owner)) == (False, True), "begun with the password alone"

        other = begin()
        other.post("/accounts/second-factor/", {"code": codes[0]})
        clock.shift(400)
        for path in ("app/remove/", "codes/new/", "passkeys/add/"):
            asked = owner.get(f"/accounts/sign-in/{path}")["Location"]
            assert asked.startswith("/accounts/again/code/"), path
        assert owner.get("/accounts/again/password/")["Location"] == "/accounts/again/code/"
        owner.post("/accounts/again/password/", {"password": PASSWORD})
        owner.post("/accounts/sign-in/app/remove/")
        assert second_factor.has_one(robin), "the password is not enough"

        owner.post("/accounts/again/code/", {"code": code_of(key)})
        owner.post("/accounts/sign-in/app/remove/")
        assert not second_factor.has_one(robin)
        assert (is_in(other), is_in(owner)) == (False, True)
    assert verbs().count("person.session_ended") == 2


def test_a_sign_in_link_stands_in_for_the_password_only(robin: User) -> None:
    set_up(begin())

    client = Client()
    answer = client.post(f"/sign-in/{create_sign_in_link(robin, actor=SYSTEM)}/")

    assert (answer["Location"], is_in(client)) == ("/accounts/second-factor/", False)
    assert client.get("/accounts/second-factor/").status_code == 200


def test_an_administrator_takes_the_factors_of_somebody_locked_out_away(robin: User) -> None:
    lea = make_user("Lea", email="lea@tandem.example", password=PASSWORD)
    set_up(begin(lea.email))
    set_up(client := begin())

    client.post("/admin/departments/user/", {"action": "forget_factors", "_selected_action": [lea.pk]})
    call_command("sign_in_link", robin.email, "--forget-second-factors")

    assert (is_in(begin(lea.email)), is_in(begin())) == (True, True)
    forgotten = told("actor_label", "object_label", verb="person.second_factors_forgotten")
    assert forgotten == [("Robin", "Lea"), ("Tandem", "Robin")]


def test_only_a_server_that_is_tried_out_goes_without() -> None:
    here, real = {"database_url": "", "public_url": ""}, {"database_url": "postgresql://db", "production": ""}
    reached = {**real, "public_url": "https://tandem.example.org"}
    cases = [
        ("", here, False),
        ("", {"database_url": "", "public_url": "https://tandem.example.org"}, True),
        ("", real, True),
        ("", reached, True),
        ("required", here, True),
        ("waived", here, False),
        ("waived", reached, True),
    ]

    for said, given, needed in cases:
        asked = replace(env.read(), admin_second_factor=said, **given)
        assert production.admin_needs_second_factor(asked) is needed, (said, given)
