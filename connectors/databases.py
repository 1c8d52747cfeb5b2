"""A database as a step sees it: which client speaks, and which values a statement is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.net import mysql, postgresql
from connectors.net.egress import Egress
from connectors.sdk import AuthFailed, BadParams
from connectors.sdk.sql import POSTGRESQL, Database, Rows, Upsert, names


@dataclass(frozen=True, slots=True)
class OpenDatabase:
    """`connectors.sdk.sql.Sql`."""

    told: Database | None
    policy: Egress

    def read(self, query: str, values: Mapping[str, Any], most: int) -> Rows:
        database = self._complete(query, values)
        speaker = postgresql if database.system == POSTGRESQL else mysql
        return speaker.read(query, values, most, database, self.policy)

    def write(self, statement: str, values: Mapping[str, Any]) -> int:
        database = self._complete(statement, values)
        speaker = postgresql if database.system == POSTGRESQL else mysql
        return speaker.write(statement, values, database, self.policy)

    def upsert(self, wanted: Upsert) -> None:
        database = self._database()
        speaker = postgresql if database.system == POSTGRESQL else mysql
        speaker.upsert(wanted, database, self.policy)

    def _complete(self, statement: str, values: Mapping[str, Any]) -> Database:
        """Raises BadParams where a value is named that was not given."""
        database = self._database()
        if lacking := [name for name in names(statement, database.system) if name not in values]:
            problem = f"The SQL names :{lacking[0]}, and no value of that name is given."
            raise BadParams(problem, fields={"values": problem})
        return database

    def _database(self) -> Database:
        if self.told is None:
            raise AuthFailed("This connection is none to a database. Choose another one.")
        return self.told
