"""JSON that keeps the order in which it was written."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg.types.json import Json


class OrderedJSONField(models.JSONField):
    """A JSON value in a column of type `json`.

    PostgreSQL's `jsonb` sorts names by length: the fields of a form would come back shuffled.
    The price: no look-ups into the value, and no comparison of two values in SQL.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "json"

    def get_db_prep_value(self, value: Any, connection: BaseDatabaseWrapper, prepared: bool = False) -> Any:
        return None if value is None else Json(value)

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> Any:
        # psycopg has read a value of type json already; Django reads only jsonb itself.
        return value
