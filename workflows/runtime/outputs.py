"""What a step gave, made fit to store: JSON's own types, clean text, large ones as a file under their hash."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from pydantic import BaseModel

from connectors.sdk import BadParams
from workflows.engine import strict
from workflows.runtime import limits

ALONE = ""
"""A name that no output has: under it lies what makes the content of its file like no other."""


class BadOutput(BadParams):
    """The step gave something that cannot be stored; a defect of the step, named at the step."""

    code = "bad_output"


def clean(output: BaseModel | Mapping[str, Any], kind: str) -> dict[str, Any]:
    """The output as JSON values. Raises BadOutput naming the field."""
    value = output.model_dump(mode="json") if isinstance(output, BaseModel) else dict(output)
    try:
        strict.check(value)
    except strict.NotStrict as error:
        raise BadOutput(f"The step kind {kind} gave something that cannot be stored: {error}.") from None
    return value


def put_away(value: dict[str, Any]) -> tuple[dict[str, Any] | None, str]:
    """(the value, "") when it is small enough for its row, else (None, hash of the file it now lies in).

    No two have the same file, even where they are alike: one can be erased and the other stays.
    """
    if _surely_small(value):
        return value, ""
    text = json.dumps({**value, ALONE: secrets.token_hex(16)}, ensure_ascii=False).encode()
    if len(text) <= limits.INLINE_BYTES:
        return value, ""
    if len(text) > limits.STATE_BYTES:
        raise BadOutput(
            f"The output has {len(text):,} bytes; at most {limits.STATE_BYTES:,} are allowed. Write a file instead."
        )

    sha256 = hashlib.sha256(text).hexdigest()
    default_storage.save(name_of(sha256), ContentFile(text))
    return None, sha256


def fetch(sha256: str) -> Any:
    with default_storage.open(name_of(sha256)) as file:
        value = json.loads(file.read())
    value.pop(ALONE, None)
    return value


def _surely_small(value: dict[str, Any]) -> bool:
    """Most outputs are a few short fields: no need to encode them twice to know it."""
    return len(value) < 20 and all(
        item is None or isinstance(item, int | float) or (isinstance(item, str) and len(item) < 10_000)
        for item in value.values()
    )


def name_of(sha256: str) -> str:
    return f"outputs/{sha256[:2]}/{sha256}.json"
