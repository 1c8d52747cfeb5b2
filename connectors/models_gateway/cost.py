"""Tokens and money. Counted by the provider where it says so, else estimated from the characters and marked so."""

from __future__ import annotations

from decimal import Decimal
from math import ceil

from connectors.models_gateway.request import Prices

MILLION = Decimal(1_000_000)
SMALLEST = Decimal("0.000001")


def about_tokens(text: str) -> int:
    """Estimate: four ASCII characters make a token, of other scripts four characters make three."""
    ascii_chars = sum(map(str.isascii, text)) if not text.isascii() else len(text)
    return ceil(ascii_chars / 4 + (len(text) - ascii_chars) * 0.75)


def at_least_tokens(text: str) -> int:
    """What no tokenizer in use stays under for written language; good enough to refuse, not to pay."""
    return len(text) // 8


def cost_usd(tokens_in: int, tokens_out: int, prices: Prices, tokens_cached: int = 0) -> Decimal:
    """`tokens_cached` are among those that went in."""
    cached = prices.per_million_in if prices.per_million_cached is None else prices.per_million_cached
    fresh = (tokens_in - tokens_cached) * prices.per_million_in
    exact = (fresh + tokens_cached * cached + tokens_out * prices.per_million_out) / MILLION
    return exact.quantize(SMALLEST)
