"""Questions for tests of the door: a way to the scripted provider with short clocks, and a schema."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from connectors.models_gateway.request import Clocks, ModelRequest, Prices, SchemaSupport, Way
from tests.scripted_provider import KEY, MODEL, ScriptedProvider

SHORT = Clocks(connect_s=2, first_byte_s=2, idle_s=2, total_s=5)

LABEL = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["positive", "neutral", "negative"]},
        "score": {"type": "integer", "minimum": 0, "maximum": 100},
        "why": {"type": "string", "maxLength": 20},
    },
    "required": ["label", "score", "why"],
    "additionalProperties": False,
}
GOOD = {"label": "positive", "score": 90, "why": "praise"}


def way_to(provider: ScriptedProvider, clocks: Clocks = SHORT, **changes: Any) -> Way:
    usual = Way(
        provider="Scripted",
        model=MODEL,
        base_url=provider.base_url,
        key=KEY,
        clocks=clocks,
        prices=Prices(Decimal("2.00"), Decimal("8.00")),
        schema_support=SchemaSupport.STRICT,
    )
    return replace(usual, **changes)


def question(provider: ScriptedProvider, clocks: Clocks = SHORT, **changes: Any) -> ModelRequest:
    way = changes.pop("way", None) or way_to(provider, clocks)
    usual = ModelRequest(way=way, instructions="Say what the text is like.", blocks={"text": "We like it."})
    return replace(usual, **changes)
