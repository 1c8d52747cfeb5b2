"""What a run may start with."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from departments.access import SYSTEM
from departments.models import Department
from tests import factories
from tests.workflows.runtime.harness import published, run_of
from workflows.models import Run
from workflows.services.files import reference, store_file

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def department() -> Department:
    return factories.make_department()


def started(department: Department, asked: dict[str, Any], **given: Any) -> dict[str, Any]:
    say = {"id": "say", "kind": "text.compose", "with": {"text": "x"}}
    return run_of(published([say], department, inputs={"x": asked}), **given).inputs


@pytest.mark.parametrize(
    ("asked", "given", "taken"),
    [
        ({"type": "text"}, "a", "a"),
        ({"type": "text", "required": False}, None, None),
        ({"type": "text", "default": "d"}, None, "d"),
        ({"type": "text", "default": "d"}, "", "d"),
        ({"type": "number"}, 3, 3),
        ({"type": "number"}, "3.5", 3.5),
        ({"type": "number"}, 0, 0),
        ({"type": "boolean"}, False, False),
        ({"type": "boolean"}, "yes", True),
        ({"type": "date"}, "2027-01-31", "2027-01-31"),
        ({"type": "choice", "choices": ["a", "b"]}, "b", "b"),
        ({"type": "list"}, ["a", {"b": 1}], ["a", {"b": 1}]),
        ({"type": "list"}, "a\n\n b ", ["a", "b"]),
        ({"type": "list", "required": False}, None, []),
    ],
)
def test_a_value_of_the_right_type_is_taken(
    department: Department, asked: dict[str, Any], given: Any, taken: Any
) -> None:
    assert started(department, asked, x=given) == {"x": taken}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({"type": "text"}, None),
        ({"type": "text"}, 7),
        ({"type": "text"}, "a\x00b"),
        ({"type": "text"}, "\ud800"),
        ({"type": "text"}, "x" * 1_000_001),
        ({"type": "number"}, "many"),
        ({"type": "number"}, True),
        ({"type": "number"}, float("nan")),
        ({"type": "number"}, "inf"),
        ({"type": "number"}, 2**70),
        ({"type": "boolean"}, "perhaps"),
        ({"type": "date"}, "31.1.2027"),
        ({"type": "choice", "choices": ["a"]}, "c"),
        ({"type": "list"}, 7),
        ({"type": "list"}, []),
        ({"type": "file"}, "no-such-file"),
        ({"type": "file"}, {"path": "/etc/passwd"}),
        ({"type": "file"}, b"bytes"),
    ],
    ids=repr,
)
def test_a_wrong_value_is_refused_by_name_and_nothing_is_stored(
    department: Department, asked: dict[str, Any], given: Any
) -> None:
    with pytest.raises(ValidationError) as refusal:
        started(department, asked, x=given)

    assert list(refusal.value.message_dict) == ["x"]
    assert not Run.objects.exists()


def test_an_input_nobody_asked_for_is_refused(department: Department) -> None:
    with pytest.raises(ValidationError, match="asks for no such input"):
        started(department, {"type": "text"}, x="a", y="b")


def test_a_file_of_another_department_does_not_exist_here(department: Department) -> None:
    theirs = store_file(factories.make_department(), name="a.txt", content=b"secret", actor=SYSTEM)

    with pytest.raises(ValidationError, match="There is no file"):
        started(department, {"type": "file"}, x=reference(theirs).model_dump())


def test_a_files_facts_come_from_the_server_not_from_the_caller(department: Department) -> None:
    ours = store_file(department, name="../../a\n.txt", content=b"abc", actor=SYSTEM)

    taken = started(department, {"type": "file"}, x={"file": str(ours.pk), "name": "evil", "size": 9, "sha256": "0"})

    assert taken["x"]["name"] == "a.txt"
    assert taken["x"]["size"] == 3
