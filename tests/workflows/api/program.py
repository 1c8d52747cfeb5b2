"""Another program, with a token of one department: speaks HTTP to the whole server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.test import Client

from departments.access import SYSTEM
from departments.models import Department, Role
from departments.tokens import create_token
from workflows.api.problems import KINDS

ROOT = "/api/v1/"


class Program:
    """`get`, `post`, `put` take a path under /api/v1/ and give the answer; `secret` is the token."""

    def __init__(self, department: Department, role: Role | str = Role.MANAGER, name: str = "Archive") -> None:
        self.department = department
        self.token, self.secret = create_token(department, role=role, name=name, actor=SYSTEM)
        self.client = Client(headers={"Authorization": f"Bearer {self.secret}"}, raise_request_exception=True)

    def get(self, path: str, query: dict[str, Any] | None = None, **headers: str) -> Any:
        return self.client.get(_full(path), query, headers=_named(headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self.send("POST", path, json.dumps({} if body is None else body), **headers)

    def put(self, path: str, body: Any, **headers: str) -> Any:
        return self.send("PUT", path, json.dumps(body), **headers)

    def upload(self, parts: dict[str, Any], **headers: str) -> Any:
        return self.client.post(_full("files"), parts, headers=_named(headers))

    def send(
        self, method: str, path: str, body: str | bytes, content_type: str = "application/json", **headers: str
    ) -> Any:
        return self.client.generic(method, _full(path), body, content_type=content_type, headers=_named(headers))


def _full(path: str) -> str:
    return path if path.startswith(("/", "http")) else ROOT + path


def _named(headers: dict[str, str]) -> dict[str, str]:
    """idempotency_key → Idempotency-Key."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is taken back: things that are costly to make are made once for many questions."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def assert_problem(answer: Any, status: int, kind: str = "") -> dict[str, Any]:
    """The answer is a problem document of this status; gives it."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    said = answer.json()
    assert said["status"] == status
    assert all(said[name] for name in ("type", "title", "detail", "instance"))
    assert said["type"].endswith(f"#{kind}" if kind else KINDS[status][0])
    return said
