"""The templates as data: nine of them, readable, complete, and written without loss."""

from __future__ import annotations

from collections import Counter

import pytest

from workflows.engine import definition as definitions
from workflows.engine.problems import problems
from workflows.examples.catalogue import EXAMPLES
from workflows.gallery.catalogue import FOLDER, Template, templates
from workflows.runtime.kinds import kinds

TEMPLATES = list(templates().values())
EVERY = pytest.mark.parametrize("template", TEMPLATES, ids=[template.slug for template in TEMPLATES])


def test_each_department_has_three_templates() -> None:
    assert Counter(template.department_slug for template in TEMPLATES) == {
        "marketing": 3,
        "legal": 3,
        "communications": 3,
    }


def test_no_template_is_called_like_another_or_like_an_example() -> None:
    slugs = [*templates(), *(example.slug for example in EXAMPLES)]
    names = [*(template.name for template in TEMPLATES), *(example.title for example in EXAMPLES)]

    assert len(set(slugs)) == len(slugs)
    assert len(set(names)) == len(names)


@EVERY
def test_nothing_keeps_a_template_from_being_published(template: Template) -> None:
    assert [str(problem) for problem in problems(template.definition, kinds())] == []


@EVERY
def test_a_template_reads_the_same_after_it_was_written_again(template: Template) -> None:
    definition = template.definition

    assert definitions.from_text(definitions.to_yaml(definition)) == definition
    assert definitions.from_text(definitions.to_json(definition)) == definition
    assert definitions.load(definitions.dump(definition)) == definition


@EVERY
def test_a_template_says_what_it_is_and_what_each_step_and_input_is(template: Template) -> None:
    definition = template.definition

    assert definition.description
    assert template.about.summary
    assert template.about.minutes >= 30
    assert [node.id for node in definition.nodes() if not node.title] == []
    assert [name for name, asked in definition.inputs.items() if not asked.title] == []
    assert [case.when for node in definition.nodes() for case in node.cases or () if not case.title] == []


@EVERY
def test_every_input_has_its_data_class_written_down(template: Template) -> None:
    written = definitions.readable.loads((template.folder / "workflow.yaml").read_text(encoding="utf-8"))["inputs"]

    assert [name for name, asked in written.items() if "class" not in asked] == []


@EVERY
def test_somebody_decides_in_every_template_and_has_a_deadline(template: Template) -> None:
    asking = [node for node in template.definition.nodes() if node.kind.startswith("people.")]

    assert asking
    assert [node.id for node in asking if not node.given.get("due_hours") or not node.given.get("role")] == []


@EVERY
def test_the_sample_gives_every_input_that_must_be_given_and_no_other(template: Template) -> None:
    inputs = template.definition.inputs
    must = {name for name, asked in inputs.items() if asked.required and asked.default is None}

    assert must <= set(template.sample) <= set(inputs)
    assert all(content for _name, content in template.files(template.sample).values())


@EVERY
def test_the_golden_cases_name_steps_and_inputs_that_exist(template: Template) -> None:
    steps = {node.id for node in template.definition.nodes()}

    for case in template.golden:
        named = {*case.answers, *case.people, *case.expect.steps, *case.expect.absent, *case.expect.waits_for}
        assert named <= steps
        assert set(case.inputs) <= set(template.definition.inputs)
        assert set(case.expect.output) | set(case.expect.includes) <= set(template.definition.output)


@EVERY
def test_what_a_missing_connector_would_do_is_rehearsed(template: Template) -> None:
    planned = [node for node in template.definition.nodes() if node.kind == "connector.planned"]

    assert planned
    assert len(template.systems) >= 1


def test_every_folder_of_the_gallery_is_in_the_catalogue() -> None:
    folders = {path.parent for path in FOLDER.glob("*/workflow.yaml")}

    assert {template.folder for template in TEMPLATES} == folders
