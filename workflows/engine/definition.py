"""A workflow as a tree: the model of its definition, read and written without loss."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from connectors.sdk.asking import AskedField
from workflows.engine import readable, strict

FORMAT = 1
MOST_BYTES = 1_000_000
MOST_STEPS = 500
DEEPEST = 8

Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,59}$")]
SAVED = r"^[a-z0-9][a-z0-9_-]{0,59}@[1-9][0-9]{0,5}(#[1-9][0-9]{0,2})?$"
Text = Annotated[str, Field(max_length=100_000)]
Condition = dict[str, Any]


class BadDefinition(ValueError):
    """Not a workflow. `problems` maps a place in the definition to a sentence."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("; ".join(f"{place}: {why}" if place else why for place, why in problems.items()))
        self.problems = problems


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Input(Part):
    """One value asked for when a run starts. `class` is its data class."""

    type: Literal["text", "long_text", "number", "boolean", "date", "choice", "file", "list"] = "text"
    title: str = Field(default="", max_length=200)
    help: str = Field(default="", max_length=1_000)
    required: bool = True
    default: Any = None
    choices: list[str] = Field(default_factory=list, max_length=200)
    data_class: Literal["public", "internal", "confidential", "personal", "privileged"] = Field(
        "internal", alias="class"
    )


class Retry(Part):
    """When a step fails in a way that may pass: how often and how patiently. Seconds."""

    attempts: int = Field(default=4, ge=1, le=20)
    first_delay_s: float = Field(default=5, ge=0, le=86_400)
    longest_s: float = Field(default=900, ge=0, le=86_400)


class Helper(Part):
    """Who carries on by hand when the step cannot: one person, else a group, else a role. Hours of the clock."""

    role: Literal["", "operator", "builder", "approver", "manager"] = ""
    person: str = Field(default="", max_length=254)
    group: str = Field(default="", max_length=60)
    due_hours: float | None = Field(default=None, gt=0, le=2_160)


class Case(Part):
    """One way of a branch."""

    title: str = Field(default="", max_length=200)
    when: Condition
    steps: list[Node] = Field(default_factory=list)


class Tool(Part):
    """How an AI may use a sequence: what for, and what it fills in, which the steps read as `call.NAME`.

    `takes` are fields as `people.form` has them. `gives` is what the AI gets to read; None is the last step's result.
    With `ask` a person allows each use before it.
    """

    about: str = Field(default="", max_length=1_000)
    takes: list[AskedField] = Field(default_factory=list, max_length=20)
    gives: Any = None
    ask: bool = False


class Arm(Part):
    """One of several sequences: under way at once, or each a tool of an AI."""

    title: str = Field(default="", max_length=200)
    tool: Tool | None = None
    steps: list[Node] = Field(default_factory=list)


class Node(Part):
    """One step. Containers hold their sequences in `steps`, `rescue`, `cases`, `otherwise` or `arms`.

    A step that is `off` is skipped with everything it holds. With `on_error: ask` a final failure becomes a task of the
    `helper`, else of who started the run; the helper also does the step in manual mode. `saved` says of which saved
    step, in which version, this one is a copy: `polite-tone@3`; of a saved sequence `#2` tells its second step.
    `prompts` says from which saved prompt a parameter's text was taken: `{"instructions": "house-tone@2"}`.
    """

    id: Identifier
    kind: str = Field(min_length=1, max_length=60)
    title: str = Field(default="", max_length=200)
    given: dict[str, Any] = Field(default_factory=dict, alias="with")
    when: Condition | None = None
    retry: Retry | None = None
    timeout_s: int | None = Field(default=None, ge=1, le=86_400)
    on_error: Literal["stop", "continue", "ask"] = "stop"
    helper: Helper | None = None
    off: bool = False
    saved: str | None = Field(default=None, pattern=SAVED)
    prompts: dict[str, Annotated[str, Field(pattern=SAVED)]] = Field(default_factory=dict, max_length=50)
    steps: list[Node] | None = None
    rescue: list[Node] | None = None
    cases: list[Case] | None = None
    otherwise: list[Node] | None = None
    arms: list[Arm] | None = None
    output: Any = None

    def sequences(self) -> Iterator[tuple[str, list[Node]]]:
        """Place → steps, for every sequence the step holds: `steps`, `rescue`, `cases.0`, `otherwise`, `arms.1`."""
        for name in ("steps", "rescue", "otherwise"):
            if (held := getattr(self, name)) is not None:
                yield name, held
        for name in ("cases", "arms"):
            for index, part in enumerate(getattr(self, name) or ()):
                yield f"{name}.{index}", part.steps


class Definition(Part):
    """A whole workflow, as published or drafted."""

    format: Literal[1] = 1
    name: str = Field(min_length=1, max_length=120)
    description: Text = ""
    inputs: dict[Identifier, Input] = Field(default_factory=dict, max_length=100)
    steps: list[Node] = Field(default_factory=list)
    output: dict[Identifier, Any] = Field(default_factory=dict, max_length=100)

    @field_validator("name")
    @classmethod
    def _name_says_something(cls, name: str) -> str:
        if not name.strip():
            raise ValueError("a name needs a visible character")
        return name.strip()

    def nodes(self) -> Iterator[Node]:
        """Every step, in reading order."""
        yield from walked(self.steps)


def load(raw: Any) -> Definition:
    """Mapping → definition. Raises BadDefinition naming each place."""
    if not isinstance(raw, Mapping):
        raise BadDefinition({"": "a workflow is a mapping with the names format, name, inputs, steps and output"})
    try:
        strict.check(raw)
    except strict.NotStrict as error:
        raise BadDefinition({"": str(error)}) from None
    _refuse_large(raw)

    try:
        definition = Definition.model_validate(dict(raw))
    except ValidationError as error:
        raise BadDefinition({_place(e["loc"]): e["msg"] for e in error.errors(include_url=False)}) from None
    except RecursionError:
        raise BadDefinition({"steps": f"nested deeper than {DEEPEST} levels"}) from None
    _refuse_sprawling(definition)
    return definition


def dump(definition: Definition) -> dict[str, Any]:
    """Definition → the smallest mapping that loads to the same definition."""
    return {"format": FORMAT} | definition.model_dump(mode="json", by_alias=True, exclude_defaults=True)


def from_text(text: str | bytes) -> Definition:
    """YAML or JSON → definition. Raises BadDefinition; aliases, tags and duplicate names are refused."""
    return load(values_of(text))


def values_of(text: str | bytes) -> Any:
    """What stands in the text, which need not be a workflow. Raises BadDefinition as `from_text` does."""
    if len(text) > MOST_BYTES:
        raise BadDefinition({"": f"larger than {MOST_BYTES:,} bytes"})
    try:
        shown = text.decode("utf-8") if isinstance(text, bytes) else text
        return strict.loads(shown) if shown.lstrip()[:1] == "{" else readable.loads(shown)
    except UnicodeDecodeError as error:
        raise BadDefinition({"": f"the text is not UTF-8 (byte {error.start})"}) from None
    except (strict.NotStrict, readable.NotReadable) as error:
        raise BadDefinition({"": strict.legible(str(error), 500)}) from None


def to_yaml(definition: Definition) -> str:
    return readable.dumps(dump(definition))


def to_json(definition: Definition) -> str:
    return json.dumps(dump(definition), ensure_ascii=False, indent=2)


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of a definition, for other programs."""
    return Definition.model_json_schema(by_alias=True)


def walked(sequence: Iterable[Node]) -> Iterator[Node]:
    """The steps and all that they hold, in reading order."""
    for node in sequence:
        yield node
        for _, held in node.sequences():
            yield from walked(held)


def _refuse_large(raw: Mapping[str, Any]) -> None:
    size = len(json.dumps(raw, ensure_ascii=False).encode())
    if size > MOST_BYTES:
        raise BadDefinition({"": f"{size:,} bytes; a definition has at most {MOST_BYTES:,}"})


def _refuse_sprawling(definition: Definition) -> None:
    count = sum(1 for _ in definition.nodes())
    if count > MOST_STEPS:
        raise BadDefinition(
            {"steps": f"{count} steps; a workflow has at most {MOST_STEPS}. Move some into another workflow."}
        )
    depth = _depth(definition.steps)
    if depth > DEEPEST:
        raise BadDefinition(
            {"steps": f"nested {depth} levels deep; at most {DEEPEST}. Move some into another workflow."}
        )


def _depth(sequence: list[Node]) -> int:
    return 1 + max((_depth(held) for node in sequence for _, held in node.sequences()), default=0)


def _place(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc)
