"""A line of the log as JSON. Whatever it carries, also what others add to it, leaves without secrets."""

from __future__ import annotations

import logging

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from connectors.scrubbing import known

# Django puts the whole request on a line, with a path that may be a secret.
KEPT_OUT = [*RESERVED_ATTRS, "request"]


class JsonLines(JsonFormatter):
    def __init__(self) -> None:
        names = {"levelname": "level", "name": "logger", "exc_info": "trace"}
        told = ["levelname", "name", "message", "process"]
        super().__init__(told, rename_fields=names, timestamp="at", reserved_attrs=KEPT_OUT)

    def format(self, record: logging.LogRecord) -> str:
        return known().text(super().format(record))
