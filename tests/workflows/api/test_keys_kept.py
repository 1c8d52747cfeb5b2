"""Keys of programs: kept as a hash alone, taken from nowhere but their header, and no door is open by accident."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.workflows.api.program import ROOT, Program, assert_problem

pytestmark = pytest.mark.django_db

OPEN = Path(__file__).with_name("open_routes.txt")
SAMPLES: dict[str, Any] = {"uuid": UUID(int=7 << 76), "int": 1, "slug": "x", "str": "x", "path": "x"}


@pytest.mark.parametrize("place", ["token", "access_token", "api_key", "Authorization", "key"])
def test_w10_a_key_in_the_address_or_in_the_referer_counts_for_nothing(program: Program, place: str) -> None:
    client = Client(headers={"Referer": f"https://tandem.example/?{place}={program.secret}"})
    assert_problem(client.get(f"{ROOT}me", {place: program.secret}), 401)
    client.cookies[place] = program.secret
    assert_problem(client.get(f"{ROOT}me"), 401)


def test_w11_no_row_of_the_database_holds_a_key(program: Program) -> None:
    assert program.get("me").status_code == 200
    with connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
        for table in tables:
            cursor.execute(f'SELECT count(*) FROM "{table}" AS row WHERE row::text LIKE %s', [f"%{program.secret}%"])
            assert cursor.fetchone() == (0,), table
    assert len(tables) > 40


def test_w14_what_answers_to_nobody_in_particular_is_written_down(settings: Any) -> None:
    """A new route that asks for no sign-in has to be added there by somebody who means it."""
    settings.DEBUG_PROPAGATE_EXCEPTIONS = False
    client = Client(raise_request_exception=False)
    found = sorted({route for route, address in routes() if is_open(client, address)})
    assert found == OPEN.read_text().splitlines()


def is_open(client: Client, address: str) -> bool:
    """Whether somebody whom nobody knows gets anything else than a way to sign in."""
    for ask in (client.get, client.post):
        answer = ask(address)
        to_sign_in = (answer.status_code == 302 and "/sign-in/" in answer["Location"]) or "login" in answer.get(
            "Location", ""
        )
        if answer.status_code not in (401, 403, 405) and not to_sign_in:
            return True
    return False


def routes() -> Iterator[tuple[str, str]]:
    """Each route as it is written, and an address of it."""
    yield from _routes(get_resolver().url_patterns, "", "/")


def _routes(patterns: Any, written: str, address: str) -> Iterator[tuple[str, str]]:
    for one in patterns:
        route = written + str(one.pattern)
        there = address + _filled(one)
        if isinstance(one, URLResolver):
            yield from _routes(one.url_patterns, route, there)
        elif isinstance(one, URLPattern):
            yield route, there


def _filled(one: Any) -> str:
    text = str(one.pattern)
    for name, converter in one.pattern.converters.items():
        kind = type(converter).__name__.removesuffix("Converter").lower().replace("string", "str")
        for written in (f"<{kind}:{name}>", f"<{name}>"):
            text = text.replace(written, str(SAMPLES[kind]))
    return text.strip("^$")
