"""The steps that work with files outside, through connections: a folder of this server."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from connectors.connections import Told, connect, try_out
from connectors.models import Connection
from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.workflows.runtime.harness import carried, done, published, silent_broker
from workflows.engine import problems
from workflows.engine.definition import Definition
from workflows.models import StoredFile
from workflows.runtime import files
from workflows.runtime.kinds import kinds
from workflows.services.connection_uses import connection_problems
from workflows.services.testing import start_test

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def folder(tmp_path: Path, settings: Settings) -> Path:
    settings.FOLDERS = (tmp_path,)
    (tmp_path / "press").mkdir()
    return tmp_path / "press"


@pytest.fixture
def legal(folder: Path) -> Department:
    return factories.make_department("Legal", egress_hosts=[f"folder://{folder}"])


@pytest.fixture
def place(legal: Department, folder: Path) -> Connection:
    return connect(legal, "folder", Told("Exchange", {"path": str(folder)}), actor=SYSTEM)


def step(kind: str, id: str = "", **given: Any) -> dict[str, Any]:
    return {"id": id or kind, "kind": f"files.{kind}", "with": {"connection": "exchange", **given}}


def reference(legal: Department, name: str, content: bytes) -> dict[str, Any]:
    stored = files.save(legal.pk, name, content, "")
    return files.reference(stored).model_dump()


def test_a_place_is_tried(place: Connection, folder: Path) -> None:
    (folder / "a.pdf").touch()

    assert try_out(place, actor=SYSTEM)
    assert place.health_said == "It can be read. In it: 1 file and 0 folders."


@pytest.mark.parametrize("path", ["press", "/srv/../etc", "/srv//x", "/srv/./x"])
def test_a_path_that_is_none_is_said_at_its_field(path: str, legal: Department) -> None:
    with pytest.raises(ValidationError) as refused:
        connect(legal, "folder", Told("Odd", {"path": path}), actor=SYSTEM)

    assert list(refused.value.message_dict) == ["path"]


def test_every_file_of_a_folder_is_read_and_moved_when_it_is_done_with(
    place: Connection, legal: Department, folder: Path
) -> None:
    for name in ("a.txt", "b.TXT", "c.pdf"):
        (folder / name).write_text(f"This is {name}.")
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": "{{ steps.list.files }}"},
        "steps": [step("read", path="{{ item.path }}"), step("move", path="{{ item.path }}", folder="done")],
        "output": "{{ steps.read.file.sha256 }}",
    }

    run = done([step("list", pattern="*.txt"), each], department=legal)

    assert run.status == "succeeded", run.error
    listed = run.steps.get(step_id="list").output
    assert [(each["path"], each["size"]) for each in listed["files"]] == [("a.txt", 14), ("b.TXT", 14)]
    hashes = {hashlib.sha256(f"This is {name}.".encode()).hexdigest() for name in ("a.txt", "b.TXT")}
    assert set(StoredFile.objects.filter(department=legal).values_list("sha256", flat=True)) == hashes
    assert sorted(found.name for found in folder.rglob("*")) == ["a.txt", "b.TXT", "c.pdf", "done"]
    assert (folder / "done" / "a.txt").exists()


def test_a_file_of_the_run_is_written_and_never_over_another(
    place: Connection, legal: Department, folder: Path
) -> None:
    memo = reference(legal, "Memo.docx", b"the whole memo")

    first = done([step("write", file=memo, folder="out/{{ run.date }}")], department=legal, name="One")
    path = first.steps.get().output["path"]
    again = done([step("write", file=memo, folder="out/{{ run.date }}")], department=legal, name="Two")
    other = done(
        [step("write", file=reference(legal, "Memo.docx", b"other"), folder="out/{{ run.date }}")],
        department=legal,
        name="Three",
    )

    assert (folder / path).read_bytes() == b"the whole memo"
    assert path.startswith("out/20")
    assert (first.status, again.status, other.status) == ("succeeded", "succeeded", "failed")
    assert "lies something else already" in str(other.error)


@pytest.mark.parametrize("name", ["../../escape.txt", "a/b.txt", "..", "two\nlines"])
def test_a_name_from_a_run_is_a_name_and_no_path(name: str, place: Connection, legal: Department, folder: Path) -> None:
    write = step("write", file=reference(legal, "x.txt", b"x"), folder="out", name="{{ inputs.name }}")

    run = done([write], department=legal, inputs={"name": {"type": "text", "title": "N"}}, given={"name": name})

    assert run.status == "failed"
    assert not list(folder.rglob("*.txt"))
    assert not (folder.parent / "escape.txt").exists()


def test_where_files_go_is_written_by_people(legal: Department) -> None:
    inputs = {"words": {"type": "text", "title": "Words"}}
    write = step("write", file={"file": "x", "name": "x"}, folder="out/{{ inputs.words }}")
    move = step("move", path="{{ inputs.words }}", folder="{{ run.date }}/{{inputs.words}}")
    sneaky = step("remove", "sneaky", path="x")
    sneaky |= {"kind": "files.move"}
    sneaky["with"] |= {"folder": "{{ run.date | append: inputs.words }}"}
    fine = step(
        "write",
        "fine",
        file={"file": "x", "name": "x"},
        folder='{{ run.date | date: "%Y" }}',
        name="{{ inputs.words }}",
    )
    definition = Definition.model_validate(
        {"format": 1, "name": "P", "inputs": inputs, "steps": [write, move, sneaky, fine]}
    )

    found = [(each.step, each.field) for each in problems.problems(definition, kinds())]

    assert found == [("write", "with.folder"), ("move", "with.folder"), ("sneaky", "with.folder")]


def test_a_step_may_name_any_connection_that_keeps_files_and_no_other(place: Connection, legal: Department) -> None:
    connect(
        legal,
        "http",
        Told("Archive", {"address": "https://a.example", "signs_in": "bearer"}, {"secret": "x" * 20}),
        actor=SYSTEM,
    )
    steps = [step("list", "one"), {**step("list", "two"), "with": {"connection": "archive"}}]
    definition = Definition.model_validate({"format": 1, "name": "P", "steps": steps})

    assert [each.step for each in connection_problems(legal, definition)] == ["two"]


def test_a_test_run_says_what_it_would_do_and_does_nothing(place: Connection, legal: Department, folder: Path) -> None:
    (folder / "a.txt").write_text("a")
    memo = reference(legal, "Memo.docx", b"memo")
    steps = [
        step("write", file=memo, folder="out"),
        step("move", path="a.txt", folder="done"),
        step("remove", path="a.txt"),
    ]
    workflow = published(steps, legal)

    with silent_broker():
        run = carried(start_test(workflow, actor=SYSTEM))

    assert run.status == "succeeded", run.error
    said = {each.step_id: each.summary for each in run.steps.all()}
    assert said == {
        "write": "Would write Memo.docx to exchange, as out/Memo.docx",
        "move": "Would move a.txt to done/a.txt",
        "remove": "Would remove a.txt",
    }
    assert [each.name for each in folder.rglob("*")] == ["a.txt"]
