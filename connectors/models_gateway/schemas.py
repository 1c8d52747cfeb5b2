"""Holding an answer to its JSON Schema (rule L8): the schema as the server takes it, and the strict check after."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, NoReturn

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match

from connectors.models_gateway.hygiene import fit_to_keep
from connectors.models_gateway.request import SchemaSupport

LARGEST_INT = 2**63 - 1

# OpenAI's strict mode refuses a schema with these; we say them in words and check them ourselves.
_IN_WORDS = {
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "written as {}",
    "format": "in the form of a {}",
}


class OffForm(ValueError):
    """The answer does not keep to its schema; the text tells the model, or a person, what is wrong with it."""


def response_format(schema: Mapping[str, Any], support: SchemaSupport) -> dict[str, Any] | None:
    """The request's `response_format`, or None where the server knows none."""
    if support is SchemaSupport.NONE:
        return None
    if support is SchemaSupport.JSON:
        return {"type": "json_object"}
    taken = dict(schema) if support is SchemaSupport.FULL else strict_subset(schema)
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": taken}}


def strict_subset(schema: Any) -> Any:
    """The same schema with lengths, ranges and patterns told in `description` instead."""
    if isinstance(schema, list):
        return [strict_subset(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    # A property may be called "pattern": below `properties` the keys are names, not keywords.
    if isinstance(schema.get("properties"), Mapping):
        properties = {name: strict_subset(part) for name, part in schema["properties"].items()}
        schema = {**schema, "properties": properties}
    words = [text.format(schema[keyword]) for keyword, text in _IN_WORDS.items() if keyword in schema]
    kept = {
        keyword: value if keyword in ("properties", "enum", "const") else strict_subset(value)
        for keyword, value in schema.items()
        if keyword not in _IN_WORDS
    }
    if words:
        kept["description"] = "; ".join(filter(None, [schema.get("description", ""), *words]))
    return kept


def read_answer(text: str, schema: Mapping[str, Any]) -> Any:
    """The valid object in the answer, its texts fit to keep. Raises OffForm."""
    value = fit_to_store(_parse(text))
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    try:
        error = best_match(validator.iter_errors(value))
    except RecursionError:
        raise OffForm("it is nested too deeply.") from None
    if error is not None:
        raise OffForm(_in_words(error))
    return value


def fit_to_store(value: Any) -> Any:
    """The value with every text in it cleaned."""
    if isinstance(value, str):
        return fit_to_keep(value)[0]
    if isinstance(value, list):
        return [fit_to_store(item) for item in value]
    if isinstance(value, dict):
        return {fit_to_keep(name)[0]: fit_to_store(item) for name, item in value.items()}
    return value


def _parse(text: str) -> Any:
    try:
        return json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_constant=_no_such_number,
            parse_float=_finite,
            parse_int=_moderate,
        )
    except json.JSONDecodeError as error:
        raise OffForm(f"it is not JSON ({error.msg}, line {error.lineno}, column {error.colno}).") from None
    except RecursionError:
        raise OffForm("it is nested too deeply.") from None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise OffForm("a name occurs twice in one object.")
    return found


def _finite(digits: str) -> float:
    number = float(digits)
    return number if math.isfinite(number) else _no_such_number(digits)


def _moderate(digits: str) -> int:
    # The length first: turning 5,000 digits into a number is itself an error in Python.
    if len(digits) > 20 or abs(int(digits)) > LARGEST_INT:
        _no_such_number(digits)
    return int(digits)


def _no_such_number(digits: str) -> NoReturn:
    raise OffForm(f"{digits[:40]} is not a number that can be kept.")


def _in_words(error: ValidationError) -> str:
    place = error.json_path.removeprefix("$").removeprefix(".") or "the answer"
    # The library's message repeats the whole value, which may be very long.
    reason = error.message if len(error.message) <= 300 else f"{error.message[:140]} … {error.message[-140:]}"
    return f"{place}: {reason}."
