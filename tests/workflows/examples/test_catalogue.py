from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from docx import Document

from workflows.engine import definition as definitions
from workflows.engine.definition import Definition, Node
from workflows.engine.problems import problems
from workflows.examples.catalogue import EXAMPLES, FOLDER, Example, load_definition, sample_files
from workflows.examples.nda_triage import build
from workflows.runtime.kinds import kinds

EVERY = pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.slug)
PAIRS = [
    (EXAMPLES[0], EXAMPLES[1], "review"),
    (EXAMPLES[2], EXAMPLES[3], "decision"),
    (EXAMPLES[4], EXAMPLES[5], "review"),
]
MOST_MODEL_CALLS = 14


def loaded(example: Example) -> Definition:
    return definitions.load(load_definition(example))


def test_each_department_has_one_example_that_runs_by_itself_and_one_with_a_person_in_it() -> None:
    shown = [(example.department_slug, example.slug, example.runs_on_first_start) for example in EXAMPLES]

    assert shown == [
        ("marketing", "campaign-copy", True),
        ("marketing", "campaign-copy-reviewed", False),
        ("legal", "nda-triage", True),
        ("legal", "nda-triage-approved", False),
        ("communications", "press-digest", True),
        ("communications", "press-digest-reviewed", False),
    ]


def test_every_definition_in_the_folder_is_in_the_catalogue() -> None:
    written = {path for path in FOLDER.glob("*/*.yaml") if path.name != "sample.yaml"}

    assert {example.definition_path for example in EXAMPLES} == written


@EVERY
def test_nothing_keeps_an_example_from_being_published(example: Example) -> None:
    found = problems(loaded(example), kinds())

    assert [str(problem) for problem in found] == []


@EVERY
def test_an_example_reads_the_same_after_it_was_written_again(example: Example) -> None:
    definition = loaded(example)

    assert definitions.from_text(definitions.to_yaml(definition)) == definition
    assert definitions.from_text(definitions.to_json(definition)) == definition


@EVERY
def test_an_example_says_what_it_is_and_what_each_step_and_input_is(example: Example) -> None:
    definition = loaded(example)

    assert (example.title, example.description) == (definition.name, definition.description)
    assert [node.id for node in definition.nodes() if not node.title] == []
    assert [name for name, asked in definition.inputs.items() if not asked.title] == []


@EVERY
def test_the_sample_gives_every_input_that_must_be_given_and_no_other(example: Example) -> None:
    inputs = loaded(example).inputs
    must = {name for name, asked in inputs.items() if asked.required and asked.default is None}

    assert must <= set(example.sample) <= set(inputs)


@EVERY
def test_every_file_input_of_a_sample_has_its_content(example: Example) -> None:
    files = sample_files(example)

    assert set(files) == {name for name, asked in loaded(example).inputs.items() if asked.type == "file"}
    assert all(name == example.sample[given] and content for given, (name, content) in files.items())


@pytest.mark.parametrize(("plain", "with_person", "added"), PAIRS, ids=lambda part: getattr(part, "slug", part))
def test_the_variant_is_the_same_work_with_one_step_for_a_person(
    plain: Example, with_person: Example, added: str
) -> None:
    steps = [node.id for node in loaded(plain).nodes()]
    with_added = [node.id for node in loaded(with_person).nodes()]

    assert [step for step in with_added if step != added] == steps
    assert next(node.kind for node in loaded(with_person).nodes() if node.id == added).startswith("people.")
    assert plain.sample == with_person.sample


@EVERY
def test_a_run_on_the_sample_asks_the_model_at_most_fourteen_times(example: Example) -> None:
    items = {"copies": 4, "comparison": 7, "articles": 6}
    only_once = {"answer"}  # of the topics of the playbook, only one is not in the agreement (see below)

    asked = [(node.id, around) for node, around in with_container(loaded(example)) if node.kind.startswith("ai.")]

    assert sum(1 if step in only_once else items.get(around, 1) for step, around in asked) <= MOST_MODEL_CALLS


def test_the_numbers_of_items_counted_above_are_those_of_the_samples() -> None:
    marketing, legal, press = EXAMPLES[0], EXAMPLES[2], EXAMPLES[4]

    assert len(marketing.sample["channels"]) == 4
    assert len(loaded(legal).inputs["playbook"].default.strip().splitlines()) == 7
    assert len(list(csv.DictReader(io.StringIO(sample_files(press)["mentions"][1].decode())))) == 6


def test_the_articles_are_a_table_with_the_columns_that_the_workflow_reads() -> None:
    rows = list(csv.DictReader(io.StringIO(sample_files(EXAMPLES[4])["mentions"][1].decode())))

    assert list(rows[0]) == ["title", "outlet", "date", "text"]
    assert all(value.strip() for row in rows for value in row.values())


def test_the_agreement_in_word_has_the_text_of_its_source() -> None:
    source = (FOLDER / "nda_triage" / "nda.md").read_text(encoding="utf-8")
    content = sample_files(EXAMPLES[2])["nda"][1]

    paragraphs = [paragraph.text for paragraph in Document(io.BytesIO(content)).paragraphs]

    assert paragraphs == [block.removeprefix("# ").replace("**", "") for block in build.blocks(source)]


def test_all_topics_of_the_playbook_but_one_head_a_clause_of_the_sample_agreement() -> None:
    source = (FOLDER / "nda_triage" / "nda.md").read_text(encoding="utf-8")
    playbook = loaded(EXAMPLES[2]).inputs["playbook"].default.strip().splitlines()

    topics = [line.split(":")[0] for line in playbook]

    assert [topic for topic in topics if f". {topic}.**" not in source] == ["Data breach"]
    assert "data breach" not in source.casefold()


def with_container(definition: Definition) -> Iterator[tuple[Node, str]]:
    for node in definition.steps:
        yield node, ""
        for inner in node.steps or ():
            yield inner, node.id
