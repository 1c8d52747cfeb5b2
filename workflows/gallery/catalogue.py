"""The templates that come along: ready workflows to copy, each a folder of data files.

`workflow.yaml` is the definition, `template.yaml` what stands around it, `golden.yaml` cases whose results are known;
files of the sample lie beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from workflows.engine import definition as definitions
from workflows.engine import readable
from workflows.engine.definition import Definition, Node

FOLDER = Path(__file__).parent


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Decision(Part):
    """What a person decides; with `when` only where the question holds this text."""

    decision: Literal["approve", "reject"]
    text: str = ""
    reason: str = ""
    when: str = Field(default="", alias="if")


class Says(Part):
    """What the AI answers, as JSON; with `when` only where it was asked with this text. Text is no JSON at all."""

    when: str = Field(default="", alias="if")
    says: dict[str, Any] | str


class Expected(Part):
    """How a case ends. `output` and `steps` name what must be there at least; `includes` a piece of an output's text.

    `waits_for`: every question that is asked, in any order. `absent`: steps that must not be done. `message`: of the
    step that stopped the run.
    """

    status: Literal["succeeded", "failed"] = "succeeded"
    error: str = ""
    message: str = ""
    output: dict[str, Any] = Field(default_factory=dict)
    includes: dict[str, str] = Field(default_factory=dict)
    steps: dict[str, dict[str, Any] | None] = Field(default_factory=dict)
    absent: list[str] = Field(default_factory=list)
    waits_for: list[str]


class Case(Part):
    """A golden case: the sample with `inputs` in place of its own, what AI and people say by step, and how it ends."""

    title: str
    inputs: dict[str, Any] = Field(default_factory=dict)
    answers: dict[str, dict[str, Any] | list[Says]] = Field(default_factory=dict)
    people: dict[str, Decision | list[Decision]] = Field(default_factory=dict)
    expect: Expected

    def said(self, step: str, question: str) -> dict[str, Any] | str:
        """What the AI answers in this step to a question that reads so."""
        given = self.answers[step]
        if isinstance(given, Mapping):
            return given
        return next(one.says for one in given if one.when in question)

    def decided(self, step: str, question: str) -> Decision:
        """What the person decides who is asked by this step."""
        given = self.people[step]
        if isinstance(given, Decision):
            return given
        return next(one for one in given if one.when in question)


class About(Part):
    """What `template.yaml` says. `minutes`: what a person needs for the sample without the workflow."""

    slug: str
    department: str
    summary: str
    minutes: int = Field(ge=1)
    minutes_are: str
    sample: dict[str, Any]


@dataclass(frozen=True)
class Template:
    """A ready workflow to copy. `sample` maps inputs to values; for a file the value is the name of one beside it."""

    folder: Path
    about: About
    definition: Definition

    @property
    def slug(self) -> str:
        return self.about.slug

    @property
    def name(self) -> str:
        return self.definition.name

    @property
    def department_slug(self) -> str:
        return self.about.department

    @property
    def sample(self) -> Mapping[str, Any]:
        return self.about.sample

    @cached_property
    def golden(self) -> tuple[Case, ...]:
        return tuple(Case.model_validate(case) for case in _read(self.folder / "golden.yaml"))

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """Every step as a person reads them: the ways of a branch before “otherwise”, the steps before their rescue."""
        return tuple(_reading(self.definition.steps))

    @cached_property
    def systems(self) -> tuple[str, ...]:
        """Outside systems without a connector yet, in reading order; one that only the run names is left out."""
        planned = [node for node in self.nodes if node.kind == "connector.planned"]
        named = [str(node.given["system"]) for node in planned]
        return tuple(dict.fromkeys(name for name in named if "{{" not in name))

    def files(self, values: Mapping[str, Any]) -> dict[str, tuple[str, bytes]]:
        """Input → (file name, content), for the inputs of type file among these values."""
        asked = self.definition.inputs
        names = {name: str(value) for name, value in values.items() if asked[name].type == "file"}
        return {name: (value, (self.folder / value).read_bytes()) for name, value in names.items()}


@cache
def templates() -> dict[str, Template]:
    """Slug → template, by department and name."""
    found = [_template(path.parent) for path in FOLDER.glob("*/template.yaml")]
    return {each.slug: each for each in sorted(found, key=_place)}


def _reading(sequence: Sequence[Node]) -> Iterator[Node]:
    for node in sequence:
        yield node
        for _name, held in sorted(node.sequences(), key=_comes_last):
            yield from _reading(held)


def _comes_last(sequence: tuple[str, Sequence[Node]]) -> bool:
    return sequence[0] in ("rescue", "otherwise")


def _place(template: Template) -> tuple[str, str]:
    return template.department_slug, template.name


def _template(folder: Path) -> Template:
    definition = definitions.from_text((folder / "workflow.yaml").read_text(encoding="utf-8"))
    return Template(folder, About.model_validate(_read(folder / "template.yaml")), definition)


def _read(path: Path) -> Any:
    return readable.loads(path.read_text(encoding="utf-8"))
