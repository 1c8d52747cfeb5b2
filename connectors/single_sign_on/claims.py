"""What a provider says of somebody, as far as it can be kept. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST_SUB = 191
"""Characters; what allauth's column holds. OIDC Core §2 allows 255, which no provider we know of comes near."""


class BadClaims(Exception):
    """Why it cannot be told whom they are about."""


def readable(said: Mapping[str, Any]) -> dict[str, Any]:
    """Without an address that is none. Raises BadClaims."""
    sub = said.get("sub")
    if isinstance(sub, bool) or not isinstance(sub, str | int):
        raise BadClaims("It does not say whom it means: no `sub`.")
    if not 0 < len(str(sub)) <= LONGEST_SUB or not is_plain(sub):
        raise BadClaims(f"The `sub` is empty, longer than {LONGEST_SUB} characters or no text.")
    return {
        name: value for name, value in said.items() if name != "email" or (isinstance(value, str) and is_plain(value))
    }


def is_plain(value: object) -> bool:
    """What is not is refused, never mended: a name without its odd characters is another's name."""
    return str(value) == plain(str(value))


def plain(text: str) -> str:
    """Without what PostgreSQL takes into no text: NUL, and halves of characters."""
    return text.replace("\0", "").encode(errors="ignore").decode()
