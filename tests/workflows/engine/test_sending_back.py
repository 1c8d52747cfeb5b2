"""From a review back to the AI step that wrote the draft."""

from __future__ import annotations

from typing import Any

import pytest

from workflows.engine.definition import load
from workflows.engine.sending_back import NoWayBack, WayBack, way_back, writer_of
from workflows.engine.tree import Tree
from workflows.runtime.kinds import kinds


def write(id: str = "write", **more: Any) -> dict[str, Any]:
    return {"id": id, "kind": "ai.write", "with": {"instructions": "Announce it."}, **more}


def frame(id: str, text: str) -> dict[str, Any]:
    return {"id": id, "kind": "text.compose", "with": {"text": text}}


def review(draft: str = "{{ steps.write.text }}") -> dict[str, Any]:
    return {"id": "review", "kind": "people.review", "with": {"question": "Good?", "draft": draft}}


def post(method: str) -> dict[str, Any]:
    return {"id": "post", "kind": "http.request", "with": {"method": method, "url": "https://example.org/"}}


def tree(*steps: dict[str, Any]) -> Tree:
    return Tree(load({"name": "Announcement", "steps": list(steps)}))


def branch(*steps: dict[str, Any]) -> dict[str, Any]:
    case = {"when": {"value": "1", "is": "equal", "to": "1"}, "steps": list(steps)}
    return {"id": "route", "kind": "flow.branch", "cases": [case]}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([write(), review()], WayBack("write", "write", "review", ())),
        ([write(), frame("f", "[{{ steps.write.text }}]"), review("{{ steps.f.text }}")], ("write", "review")),
        ([write(), branch(frame("x", "x"), review())], WayBack("write", "write", "route", ())),
        ([branch(write()), review()], WayBack("write", "route", "review", ())),
        ([branch(write(), review())], WayBack("write", "write", "review", (("route", "cases.0"),))),
        ([write(), write("other"), review("{{ steps.other.text }}")], WayBack("other", "other", "review", ())),
        ([write(), post("GET"), review()], WayBack("write", "write", "review", ())),
        ([write(), {**post("POST"), "off": True}, review()], WayBack("write", "write", "review", ())),
    ],
)
def test_everything_from_the_writing_step_to_the_review_is_done_again(
    steps: list[dict[str, Any]], expected: WayBack | tuple[str, str]
) -> None:
    found = way_back(tree(*steps), "review", kinds())

    assert found == expected or (found.first, found.last) == expected


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ([write(), review("By hand")], "nobody to send it back to"),
        ([write(), review("{{ inputs.text }}")], "nobody to send it back to"),
        ([write(), review("{{ steps.write")], "nobody to send it back to"),
        ([write(), post("POST"), review()], "“http.request” has already sent something"),
    ],
)
def test_where_there_is_no_way_back_it_says_why(steps: list[dict[str, Any]], why: str) -> None:
    with pytest.raises(NoWayBack, match=why):
        way_back(tree(*steps), "review", kinds())


def test_an_item_cannot_send_back_what_was_written_before_the_list() -> None:
    each = {"id": "each", "kind": "flow.for_each", "with": {"items": [1], "as": "town"}, "steps": [review()]}

    with pytest.raises(NoWayBack):
        way_back(tree(write(), each), "review", kinds(), body="each")


def test_of_several_texts_in_a_draft_the_nearest_ai_step_is_the_writer() -> None:
    made = tree(write("first"), write("last"), frame("both", "{{ steps.last.text }}"), review("{{ steps.both.text }}"))

    assert writer_of(made, "review", kinds()) == "last"
