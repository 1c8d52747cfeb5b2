"""What the door is asked, and what it answers. Plain values: no row, no client, no connection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID


class SchemaSupport(StrEnum):
    """How far a model's server can be held to a JSON Schema while it writes."""

    FULL = "full"  # every keyword counts, lengths too (llama.cpp)
    STRICT = "strict"  # OpenAI's subset: shapes and choices, no lengths and no ranges
    JSON = "json"  # some JSON object; the schema stands in the prompt
    NONE = "none"  # nothing: the schema stands in the prompt


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long we wait, in seconds, for each thing (rule L2)."""

    connect_s: float = 5
    first_byte_s: float = 60
    idle_s: float = 30
    total_s: float = 300


@dataclass(frozen=True, slots=True)
class Prices:
    """USD per million tokens. Both zero means unknown or free; the record then says `priced: false`."""

    per_million_in: Decimal = Decimal(0)
    per_million_out: Decimal = Decimal(0)
    per_million_cached: Decimal | None = None
    """Of tokens that the provider had kept from an earlier question; None: like all others."""


@dataclass(frozen=True, slots=True)
class Way:
    """One model at one provider, with all that is needed to reach it. `key` never leaves this object."""

    provider: str
    model: str
    base_url: str
    key: str = field(default="none", repr=False)
    context_tokens: int = 128_000
    clocks: Clocks = Clocks()
    prices: Prices = Prices()
    schema_support: SchemaSupport = SchemaSupport.STRICT
    thinking_tokens: int = 0
    """Room for thoughts before the answer; above zero the model takes no temperature."""
    effort: str = ""
    model_id: UUID | None = field(default=None, compare=False)
    provider_id: UUID | None = field(default=None, compare=False)
    provider_url: str = field(default="", compare=False)
    """The address as the row has it: the breaker knows the provider by it."""
    probes: bool = field(default=False, compare=False)
    """Whether the model is only tried, after it had failed again and again."""
    answered_as: str = field(default="", compare=False)
    """What the model called itself when it answered last."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question. `deadline` is a value of `time.monotonic()` that no call outlives."""

    way: Way
    instructions: str
    blocks: Mapping[str, str] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    max_tokens: int = 1_000
    temperature: float = 0.2
    deadline: float | None = None
    instead_of: tuple[str, ...] = ()
    """The models that should have been asked before this one."""
    is_extra: bool = False
    """Whether it repeats a question that a provider has failed to answer."""


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """A complete answer. `data` is the valid object where a schema was given; sums run over the repair call too."""

    text: str
    data: Any
    model: str
    tokens_in: int
    tokens_out: int
    cost_usd: Decimal
    repaired: bool = False
