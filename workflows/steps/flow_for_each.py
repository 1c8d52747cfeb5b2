"""The same steps for every item of a list, each item a run of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.sdk import BadParams, ChildrenEnded, Done, Field, Flow, Model, Outcome, Signal, Spawn, StepContext, hint

MOST_ITEMS = 10_000


class ForEach(Flow):
    """Do the steps inside once for every item of a list."""

    kind, title, reads_as = "flow.for_each", "For each", "For each of {items}"
    icon = "repeat"
    sequences = ("steps",)
    spawns = starts_runs = repeats = True

    class Params(Model):
        items: list[Any] = Field(
            title="Items",
            description="The list whose items are taken one by one; usually from an earlier step.",
            json_schema_extra=hint("text", example="{{ inputs.articles }}"),
        )
        item_name: str = Field(
            default="item",
            alias="as",
            title="Name of one item",
            description="How the steps inside call it.",
            pattern=r"^[a-z][a-z0-9_]{0,59}$",
            json_schema_extra=hint("text", example="article", advanced=True),
        )
        concurrency: int = Field(
            default=10,
            ge=1,
            le=100,
            title="At the same time",
            description="At most so many items are under way at once.",
            json_schema_extra=hint("number", example="10", advanced=True),
        )
        keep_going: bool = Field(
            default=False, title="Keep going", description="Go on with the other items when one fails."
        )

    class Output(Model):
        results: list[Any] = Field(title="Results", description="One result per item, in the order of the items.")
        count: int = Field(title="Count", description="How many items there were.")
        failed: int = Field(title="Failed", description="How many items failed.")

    def run(self, params: Params, ctx: StepContext) -> Outcome:
        if len(params.items) > MOST_ITEMS:
            raise BadParams(
                f"The list has {len(params.items):,} items; at most {MOST_ITEMS:,} are allowed. Split it first."
            )
        if not params.items:
            return Done(self.Output(results=[], count=0, failed=0), summary="the list is empty")
        return Spawn(params.items, params.item_name, params.concurrency, params.keep_going)

    def resume(self, params: Params, ctx: StepContext, signal: Signal) -> Outcome:
        assert isinstance(signal, ChildrenEnded)
        count, failed = len(signal.results), len(signal.errors)
        summary = f"{count - failed} of {count} items" if failed else f"{count} items"
        return Done(self.Output(results=list(signal.results), count=count, failed=failed), summary=summary)

    @classmethod
    def names_inside(cls, given: Mapping[str, Any]) -> tuple[str, ...]:
        return str(given.get("as", "item")), "item_number"

    @classmethod
    def names_sampled(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """The first item."""
        items = given.get("items")
        first = {str(given.get("as", "item")): items[0]} if isinstance(items, list) and items else {}
        return {**first, "item_number": 1}
