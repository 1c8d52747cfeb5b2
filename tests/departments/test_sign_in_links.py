"""One-time sign-in links."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from audit.models import Entry
from departments.access import SYSTEM, actor_for_user
from departments.links import address_of, create_sign_in_link
from departments.models import SignInLink, User
from tests.factories import make_department, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def clara() -> User:
    return make_user("Clara Vogel", email="clara.vogel@tandem.example")


@pytest.fixture
def token(clara: User) -> str:
    return create_sign_in_link(clara, actor=SYSTEM)


def verbs() -> list[str]:
    return list(Entry.objects.shown().order_by("id").values_list("verb", flat=True))


def test_opening_the_link_signs_nobody_in_however_often_a_scanner_does_it(client: Client, token: str) -> None:
    answers = [client.get(f"/sign-in/{token}/") for _ in range(3)] + [client.head(f"/sign-in/{token}/")]

    assert [answer.status_code for answer in answers] == [200] * 4
    assert "_auth_user_id" not in client.session
    assert SignInLink.objects.get().used_at is None
    assert answers[0]["Referrer-Policy"] == "same-origin"
    assert "no-store" in answers[0]["Cache-Control"]


def test_the_button_signs_in_once_and_leads_to_the_password_page(client: Client, token: str, clara: User) -> None:
    first = client.post(f"/sign-in/{token}/")
    second = Client().post(f"/sign-in/{token}/")

    assert (first.status_code, first["Location"]) == (302, "/accounts/password/set/")
    assert client.session["_auth_user_id"] == str(clara.pk)
    assert second.status_code == 410
    assert "works no more" in second.content.decode()
    signed_in = Entry.objects.shown().get(verb="person.signed_in")
    assert (signed_in.actor_id, signed_in.actor_label) == (str(clara.pk), "Clara Vogel")
    assert signed_in.detail == {"method": "link"}


def test_the_button_needs_the_form_of_our_own_page(token: str) -> None:
    strict = Client(enforce_csrf_checks=True)

    refused = strict.post(f"/sign-in/{token}/")
    strict.get(f"/sign-in/{token}/")
    accepted = strict.post(f"/sign-in/{token}/", {"csrfmiddlewaretoken": strict.cookies["csrftoken"].value})

    assert (refused.status_code, accepted.status_code) == (403, 302)


def test_somebody_else_who_was_signed_in_leaves_nothing_behind(client: Client, token: str, clara: User) -> None:
    client.force_login(make_user())
    session = client.session
    session["of somebody else"] = 1
    session.save()

    client.post(f"/sign-in/{token}/")

    assert client.session["_auth_user_id"] == str(clara.pk)
    assert "of somebody else" not in client.session
    assert client.session.session_key != session.session_key


def test_an_expired_link_is_gone(client: Client, token: str) -> None:
    SignInLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    answers = client.get(f"/sign-in/{token}/"), client.post(f"/sign-in/{token}/")

    assert [answer.status_code for answer in answers] == [410, 410]
    assert "_auth_user_id" not in client.session


def test_a_link_that_is_off_by_one_letter_is_unknown(client: Client, token: str) -> None:
    for place in range(len(token)):
        spoiled = token[:place] + ("A" if token[place] != "A" else "B") + token[place + 1 :]
        assert client.post(f"/sign-in/{spoiled}/").status_code == 404

    assert client.post(f"/sign-in/{SignInLink.objects.get().digest}/").status_code == 404
    assert "_auth_user_id" not in client.session


def test_the_link_of_a_deactivated_person_is_gone(client: Client, token: str, clara: User) -> None:
    User.objects.update(is_active=False)

    answers = client.get(f"/sign-in/{token}/"), client.post(f"/sign-in/{token}/")

    assert [answer.status_code for answer in answers] == [410, 410]
    assert "Clara" not in answers[0].content.decode()


def test_a_newer_link_ends_the_older_one(client: Client, token: str, clara: User) -> None:
    newer = create_sign_in_link(clara, actor=SYSTEM)

    old, new = client.post(f"/sign-in/{token}/"), client.post(f"/sign-in/{newer}/")

    assert (old.status_code, new.status_code) == (410, 302)


def test_a_person_with_a_password_goes_straight_home(client: Client, home_page: str) -> None:
    felix = make_user(password="a long pass phrase")
    token = create_sign_in_link(felix, actor=SYSTEM)

    answer = client.post(f"/sign-in/{token}/")

    assert answer["Location"] == home_page


def test_forgetting_the_password_leads_to_the_page_that_asks_for_a_new_one(client: Client) -> None:
    felix = make_user(password="a long pass phrase")
    token = create_sign_in_link(felix, actor=SYSTEM, forget_password=True)

    answer = client.post(f"/sign-in/{token}/")

    felix.refresh_from_db()
    assert answer["Location"] == "/accounts/password/set/"
    assert not felix.has_usable_password()


def test_only_an_administrator_makes_links_and_only_for_active_people(clara: User) -> None:
    manager = actor_for_user(make_user(department=make_department(), role="manager"))
    administrator = actor_for_user(make_user(is_superuser=True))

    with pytest.raises(PermissionDenied):
        create_sign_in_link(clara, actor=manager)
    create_sign_in_link(clara, actor=administrator)
    clara.is_active = False
    with pytest.raises(ValidationError, match="deactivated"):
        create_sign_in_link(clara, actor=administrator)

    assert verbs() == ["sign_in_link.created"]


def test_only_the_hash_of_a_link_is_kept(token: str) -> None:
    kept = str(SignInLink.objects.values().get()) + str(list(Entry.objects.values()))

    assert len(token) >= 43
    assert token not in kept


def test_the_command_prints_the_address_for_whoever_is_locked_out(client: Client, clara: User) -> None:
    out = StringIO()

    call_command("sign_in_link", "CLARA.VOGEL@tandem.example", stdout=out)

    address = out.getvalue().strip()
    assert address == address_of(address.rstrip("/").rpartition("/")[2])
    assert client.post(address).status_code == 302


def test_the_command_says_when_nobody_has_the_address() -> None:
    with pytest.raises(CommandError, match="Nobody here has the address"):
        call_command("sign_in_link", "nobody@tandem.example")


@pytest.mark.django_db(transaction=True)
def test_of_many_who_press_the_button_at_once_one_is_signed_in() -> None:
    token = create_sign_in_link(make_user(), actor=SYSTEM)

    def press(_: int) -> int:
        try:
            return Client().post(f"/sign-in/{token}/").status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(8) as crowd:
        answers = sorted(crowd.map(press, range(8)))

    assert answers == [302] + [410] * 7
    assert Entry.objects.shown().filter(verb="person.signed_in").count() == 1
