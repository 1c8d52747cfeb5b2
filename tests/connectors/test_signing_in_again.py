"""What is asked of somebody who has neither password nor second factor, before they set one up."""

# ruff: noqa: F811  fixtures are parameters

from __future__ import annotations

import time

import pytest
import time_machine
from django.test import Client

from connectors.models import IdentityProvider
from tests.connectors.test_single_sign_on import _in_a_transaction, come_in, office, sent_back, there  # noqa: F401
from tests.factories import make_user
from tests.identity_servers import OpenIdServer

pytestmark = pytest.mark.django_db

ADD, SET = "/accounts/sign-in/app/add/", "/accounts/password/set/"


def test_the_provider_asks_again_who_somebody_is(there: OpenIdServer, office: IdentityProvider) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        client = come_in().client
        assert client.get(ADD).status_code == 200
        clock.shift(301)
        assert client.get(SET)["Location"].startswith("/accounts/again/there/?next=")

        asked = client.get(client.get(ADD)["Location"])["Location"]
        address = client.get(asked)["Location"]
        back = client.get(sent_back(address))

        assert "prompt=login" in address
        assert (back["Location"], client.get(ADD).status_code, client.get(SET).status_code) == (ADD, 200, 200)
        there.in_token = {"auth_time": int(time.time()) - 3600}
        unasked = come_in().client
        refused = unasked.get(unasked.get(ADD)["Location"])
        assert (refused.status_code, "without asking who you are" in refused.content.decode()) == (403, True)
        office.enabled = False
        office.save()
        assert "switched off" in unasked.get("/accounts/again/there/").content.decode()


def test_who_came_by_a_link_chooses_a_password_first() -> None:
    client = Client()
    client.force_login(make_user("Lin", email="lin@example.com"))

    assert client.get(ADD)["Location"] == f"{SET}?next=%2Faccounts%2Fsign-in%2Fapp%2Fadd%2F"
    assert client.get(SET).status_code == 200
