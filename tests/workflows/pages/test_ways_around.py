"""No way around a door: other methods, other spellings, foreign sites, fields that nobody asked for (Z05, Z12, Z13)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import get_resolver, reverse

from departments.allowances import Limit
from departments.models import Department, Role, User
from tests import factories
from tests.house.test_rights_of_routes import walked
from tests.workflows.api.program import Program
from tests.workflows.api.test_access import OPERATIONS, RANDOM, things_of
from tests.workflows.pages import test_routes as pages
from tests.workflows.pages.scenes import Scene
from workflows.api import throttled
from workflows.models import Run, Task, Trigger, Version, Workflow

pytestmark = pytest.mark.django_db

EVIL = "https://evil.example"
OF_OTHER_SYSTEMS = {"hooks/<str:token>", "mcp", "accounts/saml/<slug:organization_slug>/back/"}
"""Each asks for a proof of its own instead: a signature, a token."""
SAMPLES = {"uuid": RANDOM, "slug": "legal", "str": "x", "int": "1", "path": "x", "": "x"}
METHODS = ("OPTIONS", "TRACE", "PUT")
SHUT = {301, 400, 403, 404, 405}


def addresses() -> Iterator[tuple[str, str]]:
    """Pattern and an address of it, of all but the API, whose doors know no cookie."""
    for route, _ in walked(get_resolver()):
        if not route.startswith("api/") and "(?P" not in route and "^" not in route:
            yield route, "/" + re.sub(r"<(?:(\w+):)?\w+>", lambda found: SAMPLES[found[1] or ""], route)


def chief() -> User:
    """Somebody who may do everything, everywhere."""
    root = User.objects.create_superuser("root@tandem.example", name="Root")
    for department in Department.objects.all():
        department.memberships.create(user=root, role=Role.MANAGER)
    return root


def bare(_request: Any, **_why: Any) -> HttpResponse:
    """A refusal without the frame of a page, which would cost more than all else here."""
    return HttpResponse(status=403)


def test_no_page_takes_what_another_site_makes_a_browser_send(settings: Any) -> None:
    settings.CSRF_FAILURE_VIEW = f"{__name__}.{bare.__name__}"
    factories.make_department("Legal")
    client = Client(enforce_csrf_checks=True, headers={"HX-Request": "true", "Origin": EVIL})
    client.force_login(chief())

    taken = {route for route, address in addresses() if client.post(address, {"name": "x"}).status_code != 403}

    assert taken - OF_OTHER_SYSTEMS == set()


def test_no_address_lets_another_site_read_its_answers() -> None:
    asked = {"Origin": EVIL, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    program = Program(factories.make_department("Legal"))

    for address in [*dict(addresses()).values(), *(f"/api/v1/{path}" for _, path, _, _ in OPERATIONS)]:
        answer = program.client.options(address, headers=asked)
        assert not [name for name in answer.headers if name.startswith("Access-Control-")], address


def test_no_other_method_and_no_other_spelling_opens_a_page(scene: Scene) -> None:
    stranger = pages.client_of(scene.stranger)

    for number, route in enumerate(pages.OF_A_THING):
        with transaction.atomic():
            address = reverse(route.name, args=route.thing(scene))
            for method in ("HEAD", METHODS[number % len(METHODS)]):
                assert Client().generic(method, address).status_code in {302, 405}, (method, address)
                assert stranger.generic(method, address).status_code in SHUT, (method, address)
            disguised = {"X-HTTP-Method-Override": "GET", "X-Original-URL": "/", "X-Rewrite-URL": "/"}
            for spelt in (address, spellings(address)[number % 4]):
                answer = stranger.generic(route.method.upper(), spelt, headers=disguised)
                assert answer.status_code in SHUT, spelt
                assert scene.workflow.name not in answer.content.decode(errors="replace")
            transaction.set_rollback(True)


def test_fields_that_nobody_asked_for_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttled, "UNSOUND", Limit("unsound", 10_000, pause_s=1))
    program = Program(factories.make_department("Legal"))
    things, other = things_of(program), factories.make_department("Press")
    planted = {
        **dict.fromkeys(("department", "department_id"), str(other.pk)),
        **dict.fromkeys(("owner", "owner_id", "approved_by", "started_by", "starter_id", "id", "claim_token"), RANDOM),
        "status": "succeeded",
        "is_superuser": True,
        "role": "manager",
        "version": 99,
        "live_id": RANDOM,
    }
    before = state()

    for method, path, body, _ in OPERATIONS:
        if method == "GET" or not isinstance(body, dict):
            continue
        for name in planted.keys() - body.keys():
            told = json.dumps({**body, name: planted[name]})
            answer = program.send(method, path.format_map(things), told)
            assert answer.status_code in (400, 404, 409, 422), (method, path, name, answer.status_code)

    assert state() == before


def spellings(address: str) -> list[str]:
    cut = address.rstrip("/")
    return [f"{cut.upper()}/", f"/{address}", f"{cut};x/", f"{cut}.json"]


def state() -> list[Any]:
    rows: list[Any] = [list(model._default_manager.order_by("pk").values()) for model in (Workflow, Run, Task, Trigger)]
    return [*rows, list(Version.every.order_by("pk").values("pk")), list(User.objects.values("pk", "is_superuser"))]
