"""What other programs send: bodies, and what stands behind the question mark. Unknown names are mistakes (rule S12)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

from workflows.models import RunMode, RunStatus, TaskKind, TaskStatus
from workflows.services.tasks import DECISIONS


def _moment(text: Any) -> datetime:
    """ISO 8601 with a time zone → the moment in UTC. A plus sign that came as a space is taken for what was meant."""
    try:
        found = datetime.fromisoformat(str(text).replace(" ", "+"))
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("This must be a moment with its time zone, such as 2027-01-31T09:00:00Z")


Moment = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


class Body(BaseModel):
    """JSON's own types, nothing converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Nothing(Body):
    """No body, or an empty object."""


class NewWorkflow(Body):
    name: str = Field("", max_length=200, description="Taken from the definition when it is left out.")
    definition: dict[str, Any] | str = Field(description="The workflow as an object, or as text: YAML or JSON.")


class Retention(Body):
    days: int | None = Field(description="After so many days, from 1 to 3650; null: never.")


class Reason(Body):
    reason: str = Field(max_length=500, description="Why; it stays in the ledger.")


class TemplateCopy(Body):
    name: str = Field("", max_length=200, description="The template's own, numbered where it is taken, when left out.")
    model: str = Field("", max_length=120, description="For all its AI steps; the usual one when left out.")
    deciders: dict[str, str] = Field(
        default_factory=dict,
        description="Step that asks a person → a role, the e-mail address of a member, or a group: `group:SLUG`.",
    )


class DraftBody(Body):
    definition: dict[str, Any] | str = Field(description="The whole draft as an object, or as text: YAML or JSON.")
    revision: int | None = Field(None, ge=1, description="Save only while the draft still has this revision.")


class Publication(Body):
    note: str = Field("", max_length=10_000, description="Why this version was made.")


class Start(Body):
    inputs: dict[str, Any] = Field(default_factory=dict, description="Each input's value; for a file its id.")
    mode: Literal["live", "test"] = "live"


class Decision(Body):
    decision: str = Field(max_length=20, json_schema_extra={"enum": list(DECISIONS)})
    text: str = Field("", description="The final text of a review or of the chosen draft; the draft when left out.")
    reason: str = Field("", description="Needed to reject, to send back and to stop.")
    values: dict[str, Any] = Field(default_factory=dict, description="To answer a form: field → value.")
    option: int | None = Field(None, ge=1, le=20, description="To choose: the number of the draft.")
    seen_sha256: str = Field("", max_length=64, description="Digest of what was looked at; 409 when it has changed.")


class Delegation(Body):
    to: str = Field(max_length=254, description="E-mail address of a member of the department.")
    reason: str = Field(max_length=500)


class Question(BaseModel):
    """Every list. More than 100 entries a page are never given."""

    model_config = ConfigDict(extra="forbid")

    cursor: str = Field("", description="From `next` or `previous` of another page.")
    page_size: int = Field(50, ge=1, description="At most 100.")


class RunsQuestion(Question):
    status: RunStatus | None = None
    workflow: str = Field("", max_length=60, description="Id or slug.")
    mode: RunMode | None = Field(None, description="Left out: live runs only.")
    parent: str = Field("", max_length=60, description="Id of a run: what it started inside itself.")
    created_after: Moment | None = None
    created_before: Moment | None = None
    finished_after: Moment | None = Field(None, description="What has ended since then.")


class TasksQuestion(Question):
    status: TaskStatus | None = None
    run: str = Field("", max_length=60, description="Id of a run.")
    mine: bool = Field(False, description="Only what this token may decide now.")
    kind: TaskKind | None = None
    workflow: str = Field("", max_length=60, description="Id or slug.")
    overdue: bool = Field(False, description="Only open ones whose deadline has passed.")
    created_after: Moment | None = Field(None, description="What was asked since then.")


class LedgerQuestion(Question):
    verb: str = Field("", max_length=60, description="Such as workflow.published.")
    run: str = Field("", max_length=60, description="Id of a run.")
    since: Moment | None = None
    until: Moment | None = None


class WorkflowsQuestion(Question):
    name: str = Field("", max_length=100, description="Words of the name.")
    archived: bool = False


class RunQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    wait_s: float = Field(
        0,
        ge=0,
        le=60,
        description="Answer when the run is over or waits for a person, at the latest after these seconds.",
    )


class ExportQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid")

    version: str = Field(
        "", max_length=10, description="A number, `live` or `draft`; the live version, else the draft, when left out."
    )
    sample: bool = Field(False, description="With the sample input; `POST /import` takes it.")


class NoQuestion(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Enabled(Body):
    enabled: bool
