"""Whatever is done to a workflow, it stays one; and an edit that is fitted to another draft does what it says there."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.workflows.engine.edits.drawing import KINDS
from tests.workflows.engine.edits.wild import SEED, edit_of
from workflows.engine import definition as definitions
from workflows.engine import edits
from workflows.engine.definition import Definition, dump
from workflows.engine.edits import BadEdit, Clash, Earlier
from workflows.engine.problems import problems, warnings

COPIES = {"paste", "duplicate", "swap"}
"""What they copy, and the ids they invent, depend on what was there before."""
PLACES = {"add", "wrap", "move", "set_input", "set_result", "move_input", "move_result"}
"""Two things put in one place stand in the order in which they were put there."""


def written(definition: Definition) -> str:
    return json.dumps(dump(definition))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_sequence_of_edits_keeps_the_definition_loadable(data: st.DataObject) -> None:
    definition = SEED
    for _ in range(data.draw(st.integers(1, 12))):
        before, edit = written(definition), data.draw(edit_of(definition))
        try:
            after = edits.apply(definition, edit, KINDS)
        except BadEdit:
            continue

        ids = [node.id for node in after.nodes()]
        assert written(definition) == before, "the definition before was touched"
        assert written(definitions.load(json.loads(written(after)))) == written(after)
        assert len(ids) == len(set(ids)), "two steps have one id"
        assert edits.said(definition, edit, KINDS)
        assert isinstance(problems(after, KINDS) + warnings(after, KINDS), list)
        definition = after

    assert definitions.from_text(definitions.to_yaml(definition)) == definition


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_settled_edit_made_again_gives_the_same_bytes(data: st.DataObject) -> None:
    edit = data.draw(edit_of(SEED))
    try:
        settled = edits.settled(SEED, edit, KINDS)
        wanted = edits.apply(SEED, edit, KINDS)
    except BadEdit:
        return

    stored = settled.model_dump(mode="json", by_alias=True, exclude_unset=True) | {"do": settled.do}
    assert written(edits.apply(SEED, json.loads(json.dumps(stored)), KINDS)) == written(wanted)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_of_two_edits_on_one_draft_the_second_is_made_or_refused_and_both_ways_round_give_the_same(
    data: st.DataObject,
) -> None:
    one, two = data.draw(edit_of(SEED)), data.draw(edit_of(SEED))
    try:
        first, second = edits.apply(SEED, one, KINDS), edits.apply(SEED, two, KINDS)
        both = edits.apply(first, edits.rebase(two, [Earlier(edits.read(one), SEED)], first), KINDS)
        swapped = edits.apply(second, edits.rebase(one, [Earlier(edits.read(two), SEED)], second), KINDS)
    except (BadEdit, Clash):
        return

    made = {one["do"], two["do"]}
    if not made & COPIES:
        assert sorted(node.kind for node in both.nodes()) == sorted(node.kind for node in swapped.nodes())
    if not made & (COPIES | PLACES):
        assert written(both) == written(swapped)
