"""docs/roles.md, written from what decides: the role matrix and the rights of the routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from config.env import ROOT
from departments.matrix import ADMINISTRATOR, ALLOWS, MATRIX, Verb
from departments.models import Role

ROUTES = ROOT / "config" / "rights_of_routes.txt"
PAGE = ROOT / "docs" / "roles.md"

INTRODUCTION = """\
# Roles and rights

Written by `python3 manage.py roles_page` from `departments/matrix.py` and `config/rights_of_routes.txt`: the first is
what the server decides by, the second is held against every route by the tests. Change those, then write the page anew.

A person holds one or more roles in each department; several add up. A program's token holds one role in one department,
and may be made for fewer verbs. What belongs to another department is answered like what does not exist (404); what the
role does not allow is refused (403).
"""


def rights_of_routes(path: Path = ROUTES) -> dict[str, str]:
    """`GET api/v1/runs` or `runs/<uuid:pk>/` → what it needs. Raises ValueError for an address with two lines."""
    found: dict[str, str] = {}
    for line in path.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        needs, _, address = line.partition(" ")
        if found.setdefault(address.strip(), needs) != needs:
            raise ValueError(f"{address.strip()} stands in {path.name} twice.")
    return found


def text() -> str:
    return "\n".join([INTRODUCTION, *_roles(), *_verbs(), *_server(), *_routes()]) + "\n"


def _roles() -> Iterator[str]:
    yield from _table(
        ["role", *Verb],
        ([str(role.label), *("yes" if verb in ALLOWS[role] else "" for verb in Verb)] for role in Role),
    )
    yield ""


def _verbs() -> Iterator[str]:
    yield "## What each verb opens\n"
    rows = ([f"`{verb}`", thing, deeds] for verb, right in MATRIX.items() for thing, deeds in right.opens.items())
    yield from _table(["verb", "on", "may"], rows)
    yield "\nA task asks people by name, by group or by role; only they may answer it ([deciding.md](deciding.md)).\n"


def _server() -> Iterator[str]:
    yield "## Of the whole server\n"
    yield "An **auditor** reads the ledger of every department, and nothing else."
    yield "An **administrator** may, under Administration:\n"
    yield from _table(["on", "may"], ([thing, deeds] for thing, deeds in ADMINISTRATOR.items()))
    yield ""


def _routes() -> Iterator[str]:
    yield "## What each address needs\n"
    yield (
        "`nobody`: no sign-in. `secret`: whoever has the secret in the address. `signed-in`, `token`: any person, any "
        "program. `own`: what is one's own. `metrics`: whoever has "
        "`TANDEM_METRICS_TOKEN`. A list shows what is of the departments where you hold the verb.\n"
    )
    yield from _table(
        ["address", "needs"],
        ([f"`{address}`", needs.replace("|", " or ")] for address, needs in rights_of_routes().items()),
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    for row in rows:
        yield f"| {' | '.join(cell or '·' for cell in row)} |"
