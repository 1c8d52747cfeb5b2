"""What goes wrong between an identity provider's word and an account here, and leaves nothing half done."""

# ruff: noqa: F811  fixtures are parameters

from __future__ import annotations

from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount

from connectors.models import IdentityProvider
from connectors.single_sign_on import arriving
from departments.access import SYSTEM
from departments.models import User
from departments.services import deactivate_user
from tests.connectors.test_single_sign_on import (  # noqa: F401
    _in_a_transaction,
    come_in,
    is_in,
    last_refusal,
    office,
    there,
)
from tests.factories import make_user
from tests.identity_servers import OpenIdServer

pytestmark = pytest.mark.django_db


def test_an_account_comes_with_its_link_or_not_at_all_and_stays_deactivated(
    office: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: Any, **__: Any) -> None:
        raise RuntimeError("the process ends here")

    with monkeypatch.context() as patch:
        patch.setattr(SocialAccount, "save", die)
        with pytest.raises(RuntimeError):
            come_in()
    assert User.objects.count() == 0

    make_user("Root", email="root@example.com", is_superuser=True)
    come_in()
    arrive = arriving.arrive

    def arrive_late(*given: Any) -> Any:
        deactivate_user(User.objects.get(name="Grace Hopper"), actor=SYSTEM)
        return arrive(*given)

    monkeypatch.setattr(arriving, "arrive", arrive_late)
    answer = come_in()
    assert (answer["Location"], is_in(answer.client)) == ("/accounts/inactive/", False)
    assert not User.objects.get(name="Grace Hopper").is_active


def test_of_two_tabs_at_the_first_sign_in_both_come_in(
    office: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = User.full_clean

    def check_slowly(user: User) -> None:
        monkeypatch.setattr(User, "full_clean", check)
        check(user)
        User.objects.create(email=user.email, name="by the other tab")

    monkeypatch.setattr(User, "full_clean", check_slowly)

    assert come_in()["Location"] == "/ledger/"


def test_nothing_that_was_said_of_a_person_stays_when_they_are_refused(
    there: OpenIdServer, office: IdentityProvider
) -> None:
    come_in()
    there.in_token = {"sub": "another"}

    assert come_in().status_code == 403
    assert "different people" in last_refusal()
    assert SocialAccount.objects.get().extra_data == {}


def test_an_address_that_nobody_vouches_for_gets_no_account(there: OpenIdServer, office: IdentityProvider) -> None:
    there.person |= {"sub": "mallory", "email_verified": False}
    assert come_in().status_code == 403
    assert "nobody vouches" in last_refusal()
    assert not User.objects.exists()

    office.vouches_for_addresses = True
    office.save()
    assert come_in().status_code == 302
