"""How long a session lasts, who ends it, and what its cookie is like (case H04)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.exceptions import PermissionDenied
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from audit.models import Entry
from config.env import ROOT
from departments import sessions
from departments.access import SYSTEM, actor_for_user
from departments.models import User
from departments.services import deactivate_user, reactivate_user
from tests.departments.test_sign_in import PASSWORD, sign_in
from tests.departments.written import told
from tests.factories import make_user

pytestmark = pytest.mark.django_db

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605 Mobile/15E148 Safari/604.1"


@pytest.fixture
def lea(settings: Settings) -> User:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return make_user("Lea", email="lea@tandem.example", password=PASSWORD)


def signed_in(program: str = FIREFOX) -> Client:
    client = Client(headers={"user-agent": program})
    assert sign_in(client, "lea@tandem.example", PASSWORD).status_code == 302
    return client


def is_in(client: Client, **headers: str) -> bool:
    return client.get("/accounts/sign-in/", headers=headers).status_code == 200


def test_a_session_ends_after_idleness_and_at_the_latest_after_its_hours(lea: User) -> None:
    start = timezone.now()
    with time_machine.travel(start, tick=False) as clock:
        busy, idle, watched = signed_in(), signed_in(), signed_in()

        for minutes in range(25, 12 * 60, 25):
            clock.move_to(start + timedelta(minutes=minutes))
            assert is_in(busy), minutes
            watched.get("/accounts/sign-in/", headers={"X-Unattended": "1"})

        assert not is_in(idle)
        assert not is_in(watched), "a page that asks by itself keeps nobody signed in"
        assert "30 minutes" in idle.get("/accounts/login/").content.decode()
        clock.move_to(start + timedelta(hours=12, minutes=1))
        assert not is_in(busy)
        assert "12 hours" in busy.get("/accounts/login/").content.decode()
    assert not UserSession.objects.exists()


def test_signing_in_changes_the_key_and_signing_out_ends_it_on_the_server(lea: User) -> None:
    client = Client()
    client.get("/accounts/login/")
    session = client.session
    session["planted"] = "by whoever fixed the key"
    session.save()
    client.cookies["sessionid"] = fixed = session.session_key

    sign_in(client, lea.email, PASSWORD)
    key = client.cookies["sessionid"].value
    thief = Client()
    thief.cookies["sessionid"] = key
    was_in = is_in(thief)
    client.post("/accounts/logout/")

    assert (key != fixed, was_in, is_in(thief)) == (True, True, False)
    assert not Session.objects.filter(session_key__in=[key, fixed]).exists()
    assert not UserSession.objects.exists()


def test_people_see_where_they_are_signed_in_and_sign_out_there(lea: User) -> None:
    here, there, elsewhere = signed_in(), signed_in(SAFARI), signed_in("curl/8")
    stranger = Client()
    stranger.force_login(make_user())
    phone = UserSession.objects.get(user_agent=SAFARI)
    listed = here.get("/accounts/sign-in/").content.decode()

    assert [text in listed for text in ("Firefox on Linux", "Safari on iPhone", "Another program", "127.0.0.1")] == [
        True
    ] * 4
    assert phone.session_key not in listed
    assert stranger.post(f"/accounts/sessions/{phone.pk}/end/").status_code == 404
    assert here.get(f"/accounts/sessions/{phone.pk}/end/").status_code == 405
    assert Client().post(f"/accounts/sessions/{phone.pk}/end/")["Location"].startswith("/accounts/login/")
    assert (is_in(there), is_in(elsewhere)) == (True, True)

    here.post(f"/accounts/sessions/{phone.pk}/end/")
    assert (is_in(here), is_in(there), is_in(elsewhere)) == (True, False, True)
    here.post("/accounts/sessions/end-others/")
    assert (is_in(here), is_in(elsewhere)) == (True, False)
    assert Entry.objects.filter(verb="person.session_ended", actor_id=str(lea.pk)).count() == 2


def test_an_administrator_ends_the_sessions_of_others_and_nobody_else_does(lea: User) -> None:
    client, other = signed_in(), signed_in(SAFARI)
    robin = Client()
    robin.force_login(make_user("Robin", is_staff=True, is_superuser=True))
    staff = Client()
    staff.force_login(make_user(is_staff=True))
    phone = UserSession.objects.get(user_agent=SAFARI)
    address = "/admin/usersessions/usersession/"
    ending = {"action": "end", "_selected_action": [phone.pk]}

    listed = robin.get(address, {"q": "lea"}).content.decode()
    refused, row = staff.post(address, ending), robin.get(f"{address}{phone.pk}/change/")
    with pytest.raises(PermissionDenied):
        sessions.end_session(phone, actor=actor_for_user(make_user()))
    robin.post(address, ending)

    assert ("Safari on iPhone" in listed, phone.session_key in listed) == (True, False)
    assert (refused.status_code, row.status_code) == (403, 403)
    assert (is_in(client), is_in(other)) == (True, False)
    robin.post("/admin/departments/user/", {"action": "end_sessions", "_selected_action": [lea.pk]})
    assert not is_in(client)
    assert told("actor_label", "object_label", verb="person.session_ended") == [("Robin", "Lea")] * 2


def test_a_new_password_ends_all_other_sessions_and_what_is_over_is_swept_away(lea: User) -> None:
    here, there = signed_in(), signed_in(SAFARI)
    new = {"password1": "another pass phrase", "password2": "another pass phrase"}

    here.post("/accounts/password/change/", {"oldpassword": PASSWORD, **new})

    assert (is_in(here), is_in(there)) == (True, False)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert sessions.sweep() == 1
    assert (Session.objects.count(), UserSession.objects.count()) == (0, 0)


def test_who_was_deactivated_is_out_when_activated_again(lea: User) -> None:
    client = signed_in()
    deactivate_user(lea, actor=SYSTEM)
    reactivate_user(lea, actor=SYSTEM)

    assert not is_in(client)


def test_with_tls_cookies_are_bound_to_the_host_and_never_seen_by_scripts() -> None:
    names = ["SESSION_COOKIE_NAME", "CSRF_COOKIE_NAME", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE"]
    names += ["SESSION_COOKIE_HTTPONLY", "CSRF_COOKIE_HTTPONLY", "SESSION_COOKIE_SAMESITE", "SESSION_COOKIE_DOMAIN"]
    code = f"import json; from config import settings as s; print(json.dumps([getattr(s, n, None) for n in {names}]))"
    environment = {**os.environ, "TANDEM_URL": "https://tandem.example.org"}

    said = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, check=True)

    assert json.loads(said.stdout) == ["__Host-sessionid", "__Host-csrftoken", True, True, True, True, "Lax", None]
