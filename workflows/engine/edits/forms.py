"""What an edit looks like: plain data with the name of the deed in `do`. These models are the whole contract.

Places and ways are written as `Node.sequences` names them: `steps`, `rescue`, `otherwise`, `cases.0`, `arms.1`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from workflows.engine.definition import Identifier

Arm = Annotated[str, Field(pattern=r"^(|steps|rescue|otherwise|(cases|arms)\.(0|[1-9][0-9]{0,2}))$")]
Way = Annotated[str, Field(pattern=r"^(rescue|otherwise|(cases|arms)\.(0|[1-9][0-9]{0,2}))$")]
Chosen = Annotated[list[Identifier], Field(min_length=1, max_length=500)]


class BadEdit(ValueError):
    """The edit cannot be made; the message is a sentence for a person."""


class Form(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, frozen=True)


class Into(Form):
    """A sequence: that of the workflow itself when both are empty, else the `arm` of the container `step`."""

    step: str = ""
    arm: Arm = ""


class Place(Form):
    """Where steps are put: before the one that stands at index `at` now; None is the end.

    `rescue` and `otherwise` come into being when something is put there.
    """

    into: Into = Into()
    at: int | None = Field(default=None, ge=0)


class Add(Form):
    """A new step. A container comes with its sequences, empty. `id` is made from the kind's title when absent."""

    do: Literal["add"]
    kind: str
    place: Place = Place()
    id: Identifier | None = None
    given: dict[str, Any] = Field(default_factory=dict, alias="with")
    title: str = ""


class Paste(Form):
    """Steps as a definition writes them (`nodes`). An id that is taken gets a number; references among them follow."""

    do: Literal["paste"]
    nodes: list[dict[str, Any]] = Field(min_length=1, max_length=500)
    place: Place = Place()


class Duplicate(Form):
    """The same step once more, right after itself, with everything it holds and ids of its own."""

    do: Literal["duplicate"]
    step: Identifier


class Move(Form):
    """Steps that stand one after the other go elsewhere. `place.at` counts in the sequence as it is before the move."""

    do: Literal["move"]
    steps: Chosen
    place: Place


class Remove(Form):
    """Steps go, with everything they hold. References to them stay and are reported as problems."""

    do: Literal["remove"]
    steps: Chosen


class Swap(Form):
    """Other steps (`nodes`, as a definition writes them) in the place of steps that stand one after the other.

    Ids that the steps had keep meaning the new ones of that name; other ids that are taken get a number, and
    references among the new steps follow.
    """

    do: Literal["swap"]
    steps: Chosen
    nodes: list[dict[str, Any]] = Field(min_length=1, max_length=500)


class Change(Form):
    """One field of a step gets another value; None or a missing `value` takes it back to its default.

    `field`: `title`, `with` (the whole mapping), `with.NAME` (one parameter; NAME may be dotted into mappings and
    lists: `with.fields.0.name`), `when`, `retry`, `timeout_s`, `on_error`, `helper`, `off`, `output`, `saved`.
    """

    do: Literal["change"]
    step: Identifier
    field: str = Field(pattern=r"^(title|with(\..{1,400})?|when|retry|timeout_s|on_error|helper|off|output|saved)$")
    value: Any = None


class ChangeEach(Form):
    """One field of several steps gets the same value, in one change that is taken back as one; as `change` has it."""

    do: Literal["change_each"]
    steps: Chosen
    field: str = Field(pattern=r"^(when|retry|timeout_s|on_error|helper|off)$")
    value: Any = None


class Rename(Form):
    """Another id for a step; every reference to it follows."""

    do: Literal["rename"]
    step: Identifier
    id: Identifier


class Wrap(Form):
    """Steps that stand one after the other go into a new container of this kind, into its first sequence.

    `id` is made from the kind's title when absent; `with` are the container's parameters.
    """

    do: Literal["wrap"]
    steps: Chosen
    kind: Literal["flow.for_each", "flow.attempt", "flow.loop", "flow.branch", "flow.parallel"]
    id: Identifier | None = None
    given: dict[str, Any] = Field(default_factory=dict, alias="with")


class Unwrap(Form):
    """The steps of a container's first sequence take its place; its other sequences must be empty."""

    do: Literal["unwrap"]
    step: Identifier


class AddWay(Form):
    """One more way: a case of a branch (before `at`, None: the last), an arm, or `otherwise` or `rescue`.

    `way` says which; by default a case of a branch, an arm of a parallel step, the rescue of an attempt.
    """

    do: Literal["add_way"]
    step: Identifier
    way: Literal["cases", "arms", "otherwise", "rescue"] | None = None
    title: str = ""
    when: dict[str, Any] | None = None
    at: int | None = Field(default=None, ge=0)


class ChangeWay(Form):
    """Title or condition of a case, title of an arm; what is None stays as it is.

    `tool`: what changes in a tool of an AI: `about`, `takes`, `gives`, `ask`; what it does not name stays.
    """

    do: Literal["change_way"]
    step: Identifier
    way: Way
    title: str | None = None
    when: dict[str, Any] | None = None
    tool: dict[str, Any] | None = None


class MoveWay(Form):
    """A case or arm goes to index `to` among its kind. Cases are tried from the first on."""

    do: Literal["move_way"]
    step: Identifier
    way: Way
    to: int = Field(ge=0)


class RemoveWay(Form):
    """A case, arm, `otherwise` or `rescue` goes, with the steps in it."""

    do: Literal["remove_way"]
    step: Identifier
    way: Way


class SetInput(Form):
    """An input of the workflow, new (then the last) or changed. `value` as `Input` has it: type, title, help, …"""

    do: Literal["set_input"]
    name: Identifier
    value: dict[str, Any] = Field(default_factory=dict)


class RenameInput(Form):
    """Another name for an input; every reference to it follows."""

    do: Literal["rename_input"]
    name: Identifier
    to: Identifier


class MoveInput(Form):
    """An input goes to index `at` of the form."""

    do: Literal["move_input"]
    name: Identifier
    at: int = Field(ge=0)


class RemoveInput(Form):
    """An input goes. References to it stay and are reported as problems."""

    do: Literal["remove_input"]
    name: Identifier


class SetResult(Form):
    """A result of the workflow, new (then the last) or changed; `value` is usually a reference."""

    do: Literal["set_result"]
    name: Identifier
    value: Any = ""


class RenameResult(Form):
    """Another name for a result."""

    do: Literal["rename_result"]
    name: Identifier
    to: Identifier


class MoveResult(Form):
    """A result goes to index `at`."""

    do: Literal["move_result"]
    name: Identifier
    at: int = Field(ge=0)


class RemoveResult(Form):
    """A result goes."""

    do: Literal["remove_result"]
    name: Identifier


class Describe(Form):
    """The workflow's name or description; what is None stays as it is."""

    do: Literal["describe"]
    name: str | None = Field(default=None, min_length=1, max_length=120)
    description: str | None = None


class Replace(Form):
    """The whole definition at once: an import, an old version restored, a program's PUT."""

    do: Literal["replace"]
    definition: dict[str, Any]


Edit = (
    Add
    | Paste
    | Duplicate
    | Move
    | Remove
    | Swap
    | Change
    | ChangeEach
    | Rename
    | Wrap
    | Unwrap
    | AddWay
    | ChangeWay
    | MoveWay
    | RemoveWay
    | SetInput
    | RenameInput
    | MoveInput
    | RemoveInput
    | SetResult
    | RenameResult
    | MoveResult
    | RemoveResult
    | Describe
    | Replace
)
_EDIT: TypeAdapter[Edit] = TypeAdapter(Annotated[Edit, Field(discriminator="do")])


def read(edit: Mapping[str, Any] | Edit) -> Edit:
    """Plain data → edit. Raises BadEdit naming what is wrong."""
    if isinstance(edit, Form):
        return edit
    if not isinstance(edit, Mapping):
        raise BadEdit("An edit is an object with its name in “do”.")
    try:
        return _EDIT.validate_python(dict(edit))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"][1:])
        raise BadEdit(
            f"This is not a change that can be made: {place + ': ' if place else ''}{first['msg']}."
        ) from None


def json_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of an edit, for other programs."""
    return _EDIT.json_schema(by_alias=True)
