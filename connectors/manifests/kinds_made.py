"""A step kind made of one operation, as a class: its form, what it gives, and how far it goes. Pure."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import create_model

from connectors.manifests import tool_steps
from connectors.manifests.destinations import destinations
from connectors.manifests.manifest import Level, Operation, Service
from connectors.manifests.models_made import Whole, fields_of, question
from connectors.manifests.steps_made import MOST_PAGES, Step
from connectors.manifests.tool_steps import ToolStep
from connectors.sdk import Effect, Field, Model, hint
from connectors.sdk.asking import ROLES, AskedRole


def step_of(operation: Operation, service: Service, *, connector: str, kind: str, department: Any = None) -> type[Step]:
    """The class. `kind` carries the version of the manifest: another version is another kind."""
    effect = Effect.PURE if operation.level is Level.READ else Effect.UNSAFE
    if operation.level is Level.WRITE and operation.once_header:
        effect = Effect.KEYED
    base = ToolStep if service.protocol == "mcp" else Step
    return type(
        "Made",
        (base,),
        {
            "__doc__": operation.about or f"{operation.title}, in {service.title}.",
            "__module__": __name__,
            "kind": kind,
            "title": operation.title,
            "reads_as": _reads_as(operation, service),
            "icon": service.icon,
            "effect": effect,
            "operation": operation,
            "connector": connector,
            "service": service.title,
            "department": department,
            "Params": _params(operation, connector),
            "Output": tool_steps.output() if service.protocol == "mcp" else _output(operation),
        },
    )


def _params(operation: Operation, connector: str) -> type[Model]:
    shown = hint("choice", source=f"connections:{connector}")
    account = question("Account", "Accounts are connected once, under Connections.", shown, min_length=1, max_length=60)
    fields: dict[str, Any] = {"connection": (str, account), **fields_of(operation.asked, destinations(operation))}
    if operation.paging is not None:
        about = "A long list comes in pages; so many of them are read and put together."
        shown = hint("number", example="5", advanced=True)
        fields["pages"] = (int, question("Pages to read", about, shown, default=1, ge=1, le=MOST_PAGES))
    if operation.level is Level.DANGER:
        fields |= _asking()
    return create_model("Params", __base__=Whole, **fields)


def _asking() -> dict[str, Any]:
    """Whether a person is asked first, and who."""
    about = "This takes something away or cannot be undone, so a person is asked before it is done."
    first = hint("choice", labels={"yes": "Yes, and show what will be done", "no": "No, do it at once"}, advanced=True)
    who = hint("choice", labels=ROLES, advanced=True, when={"ask_first": ["yes"]})
    return {
        "ask_first": (Literal["yes", "no"], question("Ask a person first", about, first, default="yes")),
        "asks": (AskedRole, question("Who decides", "Anybody with this role may.", who, default="approver")),
    }


def _output(operation: Operation) -> type[Model]:
    fields: dict[str, Any] = {
        "status": (int, Field(title="Status", description="With which the service answered.")),
        "data": (Any, Field(default=None, title="Data", description="The answer's JSON, or nothing.")),
        "text": (str, Field(default="", title="Text", description="The answer, where it is a text and no JSON.")),
    }
    if operation.paging is not None:
        fields["items"] = (list[Any], Field(title="Items", description="Of all pages that were read."))
        about = "Whether these are all there are."
        fields["complete"] = (bool, Field(default=True, title="Complete", description=about))
    return create_model("Output", __base__=Model, **fields)


def _reads_as(operation: Operation, service: Service) -> str:
    """With the first two of what it needs, so that cards of one kind can be told apart."""
    told = [each for each in operation.asked if each.needed and each.type in ("text", "choice", "integer", "number")]
    with_them = ", ".join(f"{each.title.lower()} {{{each.field}}}" for each in told[:2])
    title = operation.title.replace("{", "(").replace("}", ")")
    return f"{service.title}: {title}" + (f" ({with_them})" if with_them else "")
