"""What no honest program sends (cases P04, P08, P09, P11, P13, P14, Z05): refused at the edge, nothing stored."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from departments.models import Department, User
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.api.test_workflows import DEFINITION, created
from tests.workflows.runtime.harness import carried, published
from workflows.models import IdempotencyKey, Run, Workflow

pytestmark = pytest.mark.django_db

BODIES = {
    "nothing": b"",
    "no JSON": b"name: Greeting",
    "half a document": b'{"name": ',
    "two documents": b"{} {}",
    "a list": b"[]",
    "a text": b'"x"',
    "null": b"null",
    "duplicate names": b'{"name": "a", "name": "b"}',
    "duplicate names inside": b'{"definition": {"steps": [], "steps": []}}',
    "NaN": b'{"definition": {"x": NaN}}',
    "Infinity": b'{"definition": {"x": -Infinity}}',
    "1e400": b'{"definition": {"x": 1e400}}',
    "2^63": b'{"definition": {"x": 9223372036854775808}}',
    "5,000 digits": b'{"definition": {"x": ' + b"9" * 5000 + b"}}",
    "a mark of byte order": b"\xef\xbb\xbf{}",
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "UTF-16 without a mark": '{"name": "x"}'.encode("utf-16-le"),
    "not UTF-8": b'{"name": "\xff"}',
    "NUL": b'{"name": "a\\u0000b"}',
    "a bare NUL": b'{"name": "a\x00b"}',
    "half a character": b'{"name": "\\ud800"}',
    "half a character as a name": b'{"\\udfff": 1}',
    "depth 50,000": b'{"name": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "depth 101": b'{"definition": ' + b"[" * 101 + b"]" * 101 + b"}",
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_does_not_mean_one_thing_is_refused(program: Program, name: str) -> None:
    workflow = published(DEFINITION["steps"], program.department, inputs=DEFINITION["inputs"])
    ways = [("POST", "workflows"), ("PUT", "workflows/{}/draft"), ("POST", "workflows/{}/runs")]
    if name != "nothing":  # a publication without a note needs no body
        ways.append(("POST", "workflows/{}/publish"))

    for method, path in ways:
        answer = program.send(method, path.format(workflow.pk), BODIES[name])
        assert_problem(answer, 400, "bad-request")

    assert (Workflow.objects.get().draft_revision, Run.objects.count()) == (1, 0)
    assert workflow.versions.count() == 1


LARGE = {
    "10 MB": (b'{"name": "' + b"x" * 10_000_000 + b'"}'),
    "a million names": ("{" + ",".join(f'"{n}":0' for n in range(1_000_000)) + "}").encode(),
    "two megabytes of zeros": b'{"inputs": {"name": [' + b",".join([b"0"] * 990_000) + b"]}}",
    "two megabytes of lists": b'{"inputs": {"name": [' + b",".join([b"[]"] * 650_000) + b"]}}",
    "depth 100,000": b'{"inputs": {"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "two megabytes of quotes": b'{"inputs": {"name": [' + b",".join([rb'"\""'] * 390_000) + b"]}}",
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_too_large_is_refused_within_300_ms(program: Program, name: str) -> None:
    workflow = published(DEFINITION["steps"], program.department, inputs=DEFINITION["inputs"])
    program.get("me")

    began = time.thread_time()
    answer = program.send("POST", f"workflows/{workflow.pk}/runs", LARGE[name])
    took = time.thread_time() - began

    assert_problem(answer, 413, "too-large")
    assert took < 0.3


@pytest.mark.parametrize("name", ["depth 50,000", "5,000 digits", "1e400"])
def test_what_is_deep_or_long_is_refused_within_300_ms(program: Program, name: str) -> None:
    program.get("me")

    began = time.thread_time()
    program.send("POST", "workflows", BODIES[name])

    assert time.thread_time() - began < 0.3


def test_a_table_with_many_commas_in_its_text_is_not_too_large(program: Program) -> None:
    workflow = published(DEFINITION["steps"], program.department, inputs={"name": {"type": "long_text"}})
    table = '1,2,"[{",4\n' * 60_000

    answer = program.post(f"workflows/{workflow.pk}/runs", {"inputs": {"name": table}})

    assert (answer.status_code, answer.json()["inputs"]["name"]) == (201, table)


def test_an_announced_length_over_the_limit_is_refused_unread(program: Program) -> None:
    answer = program.client.post(
        "/api/v1/workflows", b"{}", content_type="application/json", CONTENT_LENGTH="5000000000"
    )

    assert_problem(answer, 413)


def test_a_body_of_unknown_length_is_refused(program: Program) -> None:
    answer = program.client.post(
        "/api/v1/workflows", content_type="application/json", CONTENT_LENGTH="", HTTP_TRANSFER_ENCODING="chunked"
    )

    assert_problem(answer, 411, "length-required")


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "application/yaml",
        "json",
        ";;;",
        "*/*",
    ],
)
def test_another_content_type_is_415(program: Program, content_type: str) -> None:
    body = json.dumps({"name": "x", "definition": DEFINITION})

    assert_problem(program.send("POST", "workflows", body, content_type), 415, "wrong-content-type")


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;x=y"]
)
def test_json_is_json_whatever_stands_behind_it(program: Program, content_type: str) -> None:
    body = json.dumps({"name": "x", "definition": DEFINITION})

    assert program.send("POST", "workflows", body, content_type).status_code == 201


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "", "nonsense", "application/json;q=0"])
def test_each_address_answers_in_its_one_form(program: Program, accept: str) -> None:
    assert program.get("me", accept=accept)["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    "changed",
    [
        {"definition": "not a workflow"},
        {"definition": {"steps": "none"}},
        {"definition": {**DEFINITION, "steps": [{"id": "", "kind": "text.compose"}]}},
        {"definition": {**DEFINITION, "steps": [{"id": "x" * 300, "kind": "text.compose"}]}},
        {"definition": {**DEFINITION, "steps": [{"id": "💥", "kind": "text.compose"}]}},
        {"definition": {**DEFINITION, "steps": [{"kind": "text.compose"}]}},
        {"definition": {**DEFINITION, "steps": [{"id": "a", "kind": "text.compose"}] * 501}},
        {"definition": {**DEFINITION, "surprise": 1}},
        {"definition": {**DEFINITION, "name": "x" * 200}, "name": "x" * 200},
        {"definition": DEFINITION, "name": "x" * 201},
        {"definition": DEFINITION, "name": "\u202e\u200b"},
        {"definition": DEFINITION, "name": 7},
        {"definition": []},
        {"definition": None},
        {"definition": "a: &a [*a]"},
        {"definition": "!!python/object/apply:os.system [id]"},
        {"definition": "{" * 5000},
        {"definition": "name: a\nname: b"},
        {"name": "Greeting"},
    ],
)
def test_what_is_no_workflow_is_refused_with_place_and_reason(program: Program, changed: dict[str, Any]) -> None:
    said = assert_problem(program.post("workflows", changed), 400)

    assert said.get("errors") or said.get("problems")
    assert not Workflow.objects.exists()


def test_marks_of_other_languages_remain_plain_data(program: Program) -> None:
    marks = {"lc": 1, "__class__": "os", "$ref": "#/x", "__proto__": {"a": 1}, "py/object": "os.system"}
    step = {"id": "a", "kind": "data.set", "with": {"values": {"marks": "{{ inputs.marks }}"}}}
    asked = {"marks": {"type": "list"}}
    workflow = published([step], program.department, inputs=asked, output={"marks": "{{ steps.a.marks }}"})

    run = program.post(f"workflows/{workflow.pk}/runs", {"inputs": {"marks": [marks]}}).json()
    carried(Run.objects.get(pk=run["id"]))

    assert run["inputs"]["marks"] == [marks]
    assert program.get(f"runs/{run['id']}").json()["output"] == {"marks": [marks]}


def every_field(*models: Any) -> dict[str, Any]:
    """A value for each column of these, as a program would send it that wants more than it may."""
    fields = [field for model in models for field in model._meta.get_fields()]
    names = {field.name for field in fields} | {getattr(field, "attname", field.name) for field in fields}
    return dict.fromkeys(names | {"is_superuser", "approved_by", "claim_token"}, 1)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "workflows", {"name": "New", "definition": DEFINITION}),
        ("PUT", "workflows/{}/draft", {"definition": DEFINITION}),
        ("POST", "workflows/{}/publish", {"note": ""}),
        ("POST", "workflows/{}/runs", {"inputs": {"name": "Ada"}}),
    ],
)
def test_only_what_may_be_sent_is_taken(program: Program, method: str, path: str, body: dict[str, Any]) -> None:
    workflow = published(DEFINITION["steps"], program.department, inputs=DEFINITION["inputs"])
    wanted = {name: value for name, value in every_field(Workflow, Run, User, Department).items() if name not in body}
    before = _everything()

    answer = program.send(method, path.format(workflow.pk), json.dumps({**wanted, **body}))

    assert set(assert_problem(answer, 400)["errors"]) == set(wanted)
    assert _everything() == before


def _everything() -> list[Any]:
    return [list(model.objects.values()) for model in (Workflow, Run, User, Department, IdempotencyKey)]


@pytest.mark.parametrize(
    "query",
    ["?name=%00", "?name=%ff", "?%00=1", f"?name={'x' * 16_000}", "?page_size=1e3", "?&&&==", "?cursor=%F0%9F%92%A5"],
)
def test_a_strange_question_is_no_defect(program: Program, query: str) -> None:
    assert program.get(f"workflows{query}").status_code in (200, 400)


@pytest.mark.parametrize(
    "date",
    [
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "0001-01-01T00:00:00+14:00",
        "0.5",
        "1975-07-26T18:04:41+19:04",
    ],
)
def test_the_ends_of_time_are_no_defect(program: Program, date: str) -> None:
    for name in ("created_after", "created_before"):
        assert program.get("runs", {name: date}).status_code in (200, 400)
    for name in ("since", "until"):
        assert program.get("ledger", {name: date}).status_code in (200, 400)


def test_a_journal_has_no_page_behind_all_numbers(program: Program) -> None:
    workflow = published(DEFINITION["steps"], program.department, inputs=DEFINITION["inputs"])
    run = program.post(f"workflows/{workflow.pk}/runs", {"inputs": {"name": "Ada"}}).json()
    behind = "cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk="  # p=99999999999999999999999

    assert program.get(f"runs/{run['id']}/journal", {"cursor": behind}).status_code in (200, 400)


def test_a_long_path_and_many_headers_are_no_defect(program: Program) -> None:
    assert_problem(program.get("workflows/" + "x" * 16_000), 404)
    assert_problem(program.post("workflows/" + "x" * 16_000 + "/runs", idempotency_key="k"), 404)
    assert_problem(program.post("workflows/%00/runs", idempotency_key="k"), 404)
    assert program.get("me", **{f"x_{number}": "y" * 50 for number in range(5_000)}).status_code == 200


def test_a_defect_is_a_problem_document_that_leads_to_the_log(
    program: Program, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("workflows.api.workflows.create_workflow", lambda *_, **__: 1 / 0)
    program.client.raise_request_exception = False

    said = assert_problem(program.post("workflows", {"definition": DEFINITION}), 500, "defect")

    assert said["instance"].startswith("urn:uuid:")
    assert said["instance"] in caplog.text
    assert "division" not in json.dumps(said)


def test_a_database_that_is_away_is_503(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.db import OperationalError

    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr("workflows.api.workflows.create_workflow", away)

    answer = program.post("workflows", {"definition": DEFINITION})

    assert_problem(answer, 503, "away")
    assert answer["Retry-After"] == "2"
    assert "closed" not in answer.content.decode()


def test_hostile_words_stay_words(program: Program) -> None:
    name = "<script>alert(1)</script> {{ 7*7 }} '; DROP TABLE workflows_run; -- %s"

    made = created(program, name=name)

    assert program.get(f"workflows/{made['id']}").json()["name"] == name
