"""Files over the API: uploaded alone, named by their id (rule S13, case P13)."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audit.models import Entry
from departments.models import Department
from tests import factories
from tests.workflows.api.program import Program, assert_problem
from tests.workflows.runtime.harness import published
from workflows.models import StoredFile

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def storage(settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path


def uploaded(program: Program, name: str = "brief.txt", content: bytes = b"Hello", **headers: str) -> Any:
    return program.upload({"file": SimpleUploadedFile(name, content, "text/plain")}, **headers)


def test_a_file_is_uploaded_described_and_downloaded(program: Program) -> None:
    answer = uploaded(program)

    made = answer.json()
    assert (answer.status_code, answer["Location"]) == (201, f"/api/v1/files/{made['id']}")
    assert made == {
        "id": str(StoredFile.objects.get().pk),
        "name": "brief.txt",
        "type": "text/plain",
        "size": 5,
        "sha256": hashlib.sha256(b"Hello").hexdigest(),
        "run": None,
        "created_by": "Archive",
        "created_at": made["created_at"],
    }
    assert program.get(answer["Location"]).json() == made
    assert program.get("files").json()["results"] == [made]
    content = program.get(f"files/{made['id']}/content")
    assert content.content == b"Hello"
    assert content["Content-Type"] == "application/octet-stream"
    assert content["Content-Disposition"] == 'attachment; filename="brief.txt"'
    assert content["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert content["X-Content-Type-Options"] == "nosniff"


def test_the_ledger_says_which_program_brought_and_took_a_file(program: Program) -> None:
    id = uploaded(program).json()["id"]
    program.get(f"files/{id}/content")

    assert list(Entry.objects.filter(object_id=id).order_by("id").values_list("verb", "actor_kind", "object_id")) == [
        ("file.stored", "token", id),
        ("file.downloaded", "token", id),
    ]


def test_the_id_of_a_file_is_the_value_of_an_input(program: Program) -> None:
    id = uploaded(program).json()["id"]
    step = {"id": "a", "kind": "text.compose", "with": {"text": "{{ inputs.brief.name }}"}}
    workflow = published([step], program.department, inputs={"brief": {"type": "file"}})

    run = program.post(f"workflows/{workflow.pk}/runs", {"inputs": {"brief": id}}).json()

    assert (run["inputs"]["brief"]["file"], run["inputs"]["brief"]["name"]) == (id, "brief.txt")


def test_another_departments_file_is_as_unknown_as_any(program: Program, stranger: Program) -> None:
    theirs = uploaded(stranger).json()["id"]
    workflow = published(
        [{"id": "a", "kind": "text.compose", "with": {"text": "x"}}],
        program.department,
        inputs={"brief": {"type": "file"}},
    )

    answers = [
        program.post(f"workflows/{workflow.pk}/runs", {"inputs": {"brief": id}})
        for id in (theirs, "00000000-0000-4000-8000-000000000000", "brief.txt", "../../etc/passwd")
    ]

    assert {answer.status_code for answer in answers} == {400}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"file": "text, not a file"},
        {"file": [SimpleUploadedFile("a", b"a"), SimpleUploadedFile("b", b"b")]},
        {"file": SimpleUploadedFile("a", b"a"), "department": "marketing"},
        {"upload": SimpleUploadedFile("a", b"a")},
        {"file": SimpleUploadedFile("empty.txt", b"")},
    ],
)
def test_anything_but_one_file_is_refused(program: Program, parts: dict[str, Any]) -> None:
    assert_problem(program.upload(parts), 400)
    assert not StoredFile.objects.exists()


def test_a_name_is_a_name_and_no_path(program: Program) -> None:
    assert uploaded(program, "..\\..\\etc/pass\u202ewd\x07.txt").json()["name"] == "passwd.txt"


def test_what_is_too_large_is_refused_by_its_announced_length(program: Program) -> None:
    answer = program.client.post(
        "/api/v1/files", b"x" * 1000, content_type="multipart/form-data; boundary=x", CONTENT_LENGTH="5000000000"
    )

    assert_problem(answer, 413, "too-large")


@pytest.mark.parametrize("content_type", ["application/json", "application/x-www-form-urlencoded", "text/plain", ""])
def test_only_multipart_is_taken_here(program: Program, content_type: str) -> None:
    assert_problem(program.send("POST", "files", b'{"file": "x"}', content_type), 415)


def test_multipart_is_taken_nowhere_else(program: Program) -> None:
    answer = program.client.post("/api/v1/workflows", {"file": SimpleUploadedFile("a", b"a")})

    assert_problem(answer, 415, "wrong-content-type")


@pytest.mark.parametrize("body", [b"", b"--x", b"--x\r\n\r\n", b"\x00\xff" * 50])
def test_broken_multipart_is_refused(program: Program, body: bytes) -> None:
    assert_problem(program.send("POST", "files", body, "multipart/form-data; boundary=x"), 400)
    assert_problem(program.send("POST", "files", body or b"x", "multipart/form-data"), 400)


def test_ten_thousand_form_fields_are_refused(program: Program) -> None:
    parts = b"".join(b'--x\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n1\r\n' % n for n in range(10_001))

    answer = program.send("POST", "files", parts + b"--x--\r\n", "multipart/form-data; boundary=x")

    assert_problem(answer, 400)


def test_the_same_upload_with_the_same_key_makes_one_file(program: Program) -> None:
    first = uploaded(program, idempotency_key="k")
    again = uploaded(program, idempotency_key="k")
    other = uploaded(program, content=b"Other", idempotency_key="k")

    assert (again.status_code, again.content, again["Location"]) == (201, first.content, first["Location"])
    assert_problem(other, 422)
    assert StoredFile.objects.count() == 1


def test_a_list_takes_one_query(program: Program, legal: Department, django_assert_num_queries: Any) -> None:
    for _ in range(5):
        factories.make_file(legal)
    program.get("me")

    with django_assert_num_queries(2):
        assert len(program.get("files").json()["results"]) == 5
