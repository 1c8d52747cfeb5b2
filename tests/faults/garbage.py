"""Messages that nobody of ours sends (B12)."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

PLAIN = {"content_type": "application/json", "content_encoding": "utf-8"}
PICKLED = {"content_type": "application/x-python-serialize", "content_encoding": "binary"}
YAML = {"content_type": "application/x-yaml", "content_encoding": "utf-8"}
NO_JSON = (b"", b"null", b"7", b"[", b"\xff\xfe", b'{"args": 1}', b'[["run"', b"[" * 100_000)
NO_TASKS = ("os.system", "celery.backend_cleanup", "", "look.now")


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.mkdir, (self.folder,)


@dataclass(frozen=True, slots=True)
class Forged:
    """A well-formed message of Celery around a task and a body of somebody else's."""

    task: str
    body: bytes
    encoding: dict[str, str]
    is_numbered: bool = True

    @property
    def headers(self) -> dict[str, Any]:
        return {"lang": "py", "task": self.task} | ({"id": str(uuid4())} if self.is_numbered else {})


def forged(run: str, step: str, bomb: Path) -> Iterator[Forged]:
    """`run` and `step` are ids that exist; `bomb` is a folder that appears when a body is loaded as what it says."""
    for arguments in _arguments(run, step):
        yield Forged("look", _body(arguments), PLAIN)
    for body in NO_JSON:
        yield Forged("look", body, PLAIN)
    for task in NO_TASKS:
        yield Forged(task, _body(["run", run]), PLAIN)
    yield Forged("look", _body(["run", run]), PLAIN, is_numbered=False)
    yield Forged("look", pickle.dumps([[Bomb(bomb)], {}, {}]), PICKLED)
    yield Forged("look", b"!!python/object/apply:os.mkdir [" + str(bomb).encode() + b"]", YAML)
    yield Forged("look", _body(["run", "x" * 50_000_000]), PLAIN)


def shapeless(bomb: Path) -> list[bytes]:
    """What is no message at all, as anybody may push it onto a list of Redis."""
    return [b"", b"garbage", b"{}", b"[]", b"null", b'{"body": 1}', pickle.dumps(Bomb(bomb)), b"\xff\x00"]


def _arguments(run: str, step: str) -> list[list[Any]]:
    """Ids of the other kind, of nothing, of no form; too few, too many, and of the wrong type."""
    return [
        *(
            ["run", step],
            ["step", run],
            ["run", str(uuid4())],
            ["step", "../../etc"],
            ["queue", run],
            ["run", "\u0000"],
        ),
        *([], ["run"], [run], ["run", run, "more"], [None, None], [{"run": 1}, [run]]),
    ]


def _body(arguments: list[Any]) -> bytes:
    return json.dumps([arguments, {}, {}]).encode()
