"""Ask a person to fill in a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict

from connectors.sdk import Action, Ask, Decided, Done, Field, Model, Outcome, Rejected, Signal, StepContext, Wait, hint
from connectors.sdk.asking import AskedField, Facts, People, Question, Time, asking_problems, form_of

JSON_TYPES = {"number": "number", "boolean": "boolean", "list": "array"}


def _fits_together(fields: list[AskedField]) -> list[AskedField]:
    names = [field.name for field in fields]
    if len(set(names)) < len(names):
        raise ValueError("two fields have the same name")
    if any((field.type == "choice") != bool(field.choices) for field in fields):
        raise ValueError("a choice, and nothing else, has choices")
    return fields


class Fields(Question):
    fields: Annotated[list[AskedField], AfterValidator(_fits_together)] = Field(
        min_length=1,
        max_length=40,
        title="What is asked for",
        description="Each becomes a value that later steps can use.",
        json_schema_extra=hint("fields", example="budget, a number: what may it cost?"),
    )
    known: dict[str, Any] = Field(
        default_factory=dict,
        title="Filled in already",
        description="Name of a field, and what stands in it when the person opens the form.",
        json_schema_extra=hint("key_value", example="budget: {{ steps.facts.budget }}"),
    )


class FillIn(Action):
    """Ask a person to fill in a form."""

    kind, title, reads_as = "people.form", "Ask to fill in a form", "Ask {role} for {fields}: {question}"
    icon = "forms"
    local = True
    by_hand = False

    class Params(Time, People, Facts, Fields):
        pass

    class Output(Model):
        """One value per field, and who filled it in."""

        model_config = ConfigDict(extra="allow")

        by: str = Field(title="Filled in by")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        return Wait(
            ask=Ask(
                kind="form",
                question=params.question,
                whom=params.asks(),
                shown=params.show,
                form=form_of(params.fields),
                known=params.known,
                not_the_starter=params.not_the_starter,
                not_the_author=params.not_the_author,
                deadline=params.deadline({"decision": "answer", "values": params.known}),
            )
        )

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, Decided)
        answer, by = signal.answer, signal.answer.get("by", "")
        if answer["decision"] != "answer":
            why = f": {answer['reason']}" if answer.get("reason") else "."
            raise Rejected(f"{by} did not fill in “{params.question}”{why}")
        return Done({**answer["values"], "by": by}, summary=f"filled in by {by}")

    @classmethod
    def output_fields(cls, given: Mapping[str, Any]) -> dict[str, str] | None:
        fields = given.get("fields")
        if not isinstance(fields, list) or not all(isinstance(field, Mapping) for field in fields):
            return None
        asked = {str(field.get("name")): JSON_TYPES.get(str(field.get("type")), "string") for field in fields}
        return {**asked, "by": "string"}

    @classmethod
    def output_shapes(cls, given: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
        found: dict[str, Mapping[str, Any]] = {"by": {"type": "string"}}
        fields = given.get("fields")
        for field in fields if isinstance(fields, list) else ():
            try:
                asked = AskedField.model_validate(field)
            except ValueError:
                continue
            found[asked.name] = asked.shape()
        return found

    @classmethod
    def check(cls, given: Mapping[str, Any]) -> dict[str, str]:
        return asking_problems(given)
