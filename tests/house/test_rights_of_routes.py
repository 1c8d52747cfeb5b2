"""Each address has its line in the matrix, and the tests of access ask it by that line (cases Z01, Z02)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLPattern, get_resolver

from config import roles_page
from config.api import ROUTES as API
from config.roles_page import rights_of_routes
from departments.matrix import ALLOWS, MATRIX, Verb
from departments.models import Role
from tests.workflows.api.test_access import LACKS, OPERATIONS
from tests.workflows.api.test_keys_kept import OPEN
from tests.workflows.pages import test_routes as pages

HTTP = ("get", "post", "put", "patch", "delete")
BESIDE = {"nobody", "secret", "signed-in", "token", "own", "metrics"}


def walked(resolver: Any, before: str = "") -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        if isinstance(each, URLPattern):
            yield before + str(each.pattern), each
        else:
            yield from walked(each, before + str(each.pattern))


def addresses() -> set[str]:
    """Pages by their pattern, addresses of the API with each of their methods. The admin has rules of its own."""
    found = {route or "(home)" for route, _ in walked(get_resolver()) if not route.startswith(("admin/", "api/"))}
    for route, view, _ in API:
        shown = getattr(view, "view_class", None)
        methods = (
            [name for name in HTTP if hasattr(shown, name) and name in shown.http_method_names] if shown else ["get"]
        )
        found |= {f"{method.upper()} api/v1/{route}" for method in methods}
    return found


def holders(needs: str) -> set[str]:
    return {role for role in Role if any(verb in ALLOWS[role] for verb in needs.split("|") if verb not in BESIDE)}


def test_a_new_route_without_its_line_is_told() -> None:
    lines = rights_of_routes()

    assert addresses() - lines.keys() == set()
    assert lines.keys() - addresses() == set()
    assert {needs for said in lines.values() for needs in said.split("|")} - set(Verb) - BESIDE == set()


def test_what_needs_no_sign_in_is_what_the_test_of_open_routes_found() -> None:
    of_nobody = {address for address, needs in rights_of_routes().items() if needs in ("nobody", "secret")}

    found = {line.rstrip("/") for line in OPEN.read_text().splitlines() if not line.startswith("admin/")}
    assert {address.removeprefix("GET ").rstrip("/") for address in of_nobody} == found


def test_pages_are_asked_by_whoever_the_matrix_allows_and_by_whoever_it_does_not() -> None:
    lines, wrong = rights_of_routes(), []
    for route in pages.ROUTES:
        needs = lines[str(pages.pattern_of(route.name).pattern) or "(home)"]
        if needs in BESIDE:
            continue
        may = holders(needs)
        if "own" not in needs and (route.right not in may or (route.wrong and route.wrong in may)):
            wrong.append((route.name, needs, route.right, route.wrong))
        if not route.wrong and may != set(Role):
            wrong.append((route.name, needs, "nobody is refused"))

    assert wrong == []


def test_the_api_is_asked_by_whoever_the_matrix_allows_and_by_all_whom_it_does_not() -> None:
    lines, wrong = rights_of_routes(), []
    for method, path, _body, role in OPERATIONS:
        needs = next(lines[f"{method} api/v1/{route}"] for route, _, _ in API if _names(route, path))
        may = holders(needs)
        if needs not in BESIDE and (role not in may or ("own" not in needs and set(Role) - may - set(LACKS[role]))):
            wrong.append((method, path, needs, role))
        if "|" not in needs and set(LACKS[role]) & may:
            wrong.append((method, path, needs, LACKS[role]))

    assert wrong == []


def _names(route: str, path: str) -> bool:
    return re.fullmatch(re.sub(r"<[^>]+>", "[^/]+", route), path) is not None


def test_each_verb_has_its_roles_and_says_what_it_opens() -> None:
    assert set(MATRIX) == set(Verb)
    assert all(right.roles and right.opens for right in MATRIX.values())


def test_the_page_for_people_says_what_the_matrix_says() -> None:
    assert roles_page.PAGE.read_text() == roles_page.text(), "Write it anew: python3 manage.py roles_page"
