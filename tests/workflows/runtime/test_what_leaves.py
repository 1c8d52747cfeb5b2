"""Case I04: after a decision a thousand altered requests are tried, and none of them leaves; the one approved does."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Response

from departments.access import actor_for_user
from departments.models import Department, Role
from tests import factories
from tests.workflows.runtime.harness import carried, published, run_of, silent_broker
from workflows.models import Run, Task, TaskStatus
from workflows.runtime import journey, performing, store
from workflows.services.tasks import decide_task

pytestmark = pytest.mark.django_db(transaction=True)

TRIES = 1_000
GIVEN = {
    "method": "POST",
    "query": {"list": "{{ inputs.list }}", "at": "noon"},
    "headers": {"X-Campaign": "{{ inputs.list }}", "Accept": "application/json"},
    "body_json": {
        "to": "{{ inputs.to }}",
        "subject": "Grüße aus Köln",
        "text": "{{ inputs.text }}",
        "number": 3,
        "is_last": False,
        "parts": ["one", {"deep": ["two", None]}],
    },
}


@pytest.fixture
def run(httpserver: HTTPServer) -> Run:
    """A sending that was shown and approved; an hour passes before it is made."""
    httpserver.expect_request("/send").respond_with_handler(lambda request: Response("thank you"))
    address = f"http://127.0.0.1:{httpserver.port}"
    legal = factories.make_department("Legal")
    Department.objects.filter(pk=legal.pk).update(egress_hosts=[f"private:{address}"])
    legal.refresh_from_db()
    steps = [
        {"id": "ask", "kind": "people.approve", "with": {"question": "May it go out?", "sends": "send"}},
        {"id": "later", "kind": "flow.wait", "with": {"for_s": 3600}},
        {"id": "send", "kind": "http.request", "with": {"url": f"{address}/send", **GIVEN}},
    ]
    inputs = {name: {"type": "text"} for name in ("list", "to", "text")}
    workflow = published(steps, legal, inputs=inputs)
    run = carried(run_of(workflow, list="press", to="ada@example.org", text="We are glad."))
    ada = factories.make_user("Ada", legal, Role.APPROVER)
    with silent_broker():
        decide_task(Task.objects.get(run=run, status=TaskStatus.OPEN), actor=actor_for_user(ada), decision="approve")
    return carried(run)


def test_of_a_thousand_altered_requests_none_leaves_and_the_approved_one_does(run: Run, httpserver: HTTPServer) -> None:
    known = journey.load(Run.objects.select_related("department", "workflow").get(pk=run.pk))
    step = journey.Step(known.steps["ask"].id, "send", "send", "http.request", "ready")
    approved = performing.prepared(known, step)
    dice = random.Random(4)

    refused = [code(known, step, altered(approved, dice)) for _ in range(TRIES)]

    assert set(refused) == {"not_what_was_approved"}
    assert httpserver.log == []
    assert code(known, step, approved) == ""
    assert [request.path for request, _ in httpserver.log] == ["/send"]


def code(known: journey.Journey, step: journey.Step, prepared: performing.Prepared) -> str:
    """How the sending ends: the code of its error, or nothing."""
    attempted = performing.perform(known, step, prepared, store.clock())
    return attempted.error.code if attempted.error is not None else ""


# ── what is altered ──────────────────────────────────────────────────────────────────────────────────────────────────


def altered(approved: performing.Prepared, dice: random.Random) -> performing.Prepared:
    """The same step with one thing in its request changed, such that it still is a request."""
    given = deepcopy(approved.given)
    dice.choice(ALTERATIONS)(given, dice)
    assert given != approved.given or repr(given) != repr(approved.given)
    return replace(approved, given=given, params=performing.validated(type(approved.action), given))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where the texts stand."""
    if isinstance(value, str):
        return [path]
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for name, each in inside for place in places(each, (*path, name))]


def write(value: Any, path: tuple[Any, ...], change: Callable[[str], str]) -> None:
    for name in path[:-1]:
        value = value[name]
    value[path[-1]] = change(value[path[-1]])


SWAPS = [
    lambda text, at: text[:at] + "\N{CYRILLIC SMALL LETTER A}" + text[at + 1 :],
    lambda text, at: text[:at] + "\N{ZERO WIDTH SPACE}" + text[at:],
    lambda text, at: text[:at] + text[at] + text[at:],
    lambda text, at: text[:at] + text[at + 1 :],
    lambda text, at: text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :],
    lambda text, at: text + " ",
    lambda text, at: text.replace("ü", "u\N{COMBINING DIAERESIS}") + ("" if "ü" in text else "."),
]


def a_text(given: dict[str, Any], dice: random.Random) -> None:
    """One letter, anywhere but in the name of the method."""
    path = dice.choice([path for path in places(given) if path[0] != "method"])
    write(given, path, lambda text: dice.choice(SWAPS)(text, dice.randrange(len(text))))


def the_method(given: dict[str, Any], dice: random.Random) -> None:
    given["method"] = dice.choice(["PUT", "PATCH", "DELETE", "GET"])


def one_more(given: dict[str, Any], dice: random.Random) -> None:
    part = dice.choice(["query", "headers", "body_json"])
    given[part] = {**given[part], f"X-{dice.randrange(1_000)}": "more"}


def one_less(given: dict[str, Any], dice: random.Random) -> None:
    part = given[dice.choice(["query", "headers", "body_json"])]
    del part[dice.choice(list(part))]


def another_order(given: dict[str, Any], dice: random.Random) -> None:
    given["body_json"] = dict(reversed(given["body_json"].items()))


def another_type(given: dict[str, Any], dice: random.Random) -> None:
    name, value = dice.choice([("number", "3"), ("number", 4), ("is_last", True), ("is_last", 0), ("is_last", None)])
    given["body_json"][name] = value


def the_same_as_text(given: dict[str, Any], dice: random.Random) -> None:
    """To the eye the same body, but other bytes under another type."""
    given["body_text"] = json.dumps(given.pop("body_json"), ensure_ascii=False, indent=2)


ALTERATIONS = [*[a_text] * 8, the_method, one_more, one_less, another_order, another_type, the_same_as_text]
