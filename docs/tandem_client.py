"""A client of Tandem's REST API in one file: copy it beside your program. Python 3.11, nothing else needed.

    from tandem_client import Tandem

    tandem = Tandem("https://tandem.example", token)
    run = tandem.start("nda-triage", {"nda": tandem.upload("nda.docx")}, key="contract-4711")
    run = tandem.wait(run.id)
    if run.status == "waiting":
        for task in tandem.tasks(run=run.id):
            tandem.decide(task.id, "approve", seen_sha256=task.shown_sha256)
    print(tandem.wait(run.id).output)

Where the server is busy (429, 503) or cannot be reached, it asks again for a minute. Every request that makes something
carries an Idempotency-Key, so that asking again does nothing twice. `docs/api.md` tells what the words mean.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

PATIENCE_S = 60.0
LONG_POLL_S = 50
OVER = frozenset({"succeeded", "failed", "cancelled"})


class Refused(Exception):
    """The server said no. `status` is that of HTTP, `errors` maps what was sent to what is wrong with it."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status = status
        self.title = str(problem.get("title", "Refused"))
        self.detail = str(problem.get("detail", ""))
        self.errors: Mapping[str, Any] = problem.get("errors") or {}
        super().__init__(f"{status} {self.title}: {self.detail} {self.errors or ''}".strip())


@dataclass(frozen=True)
class Run:
    """A run. `output` is there when it is over, `error` when it failed, `steps` when it was read by itself."""

    id: str
    workflow: str
    status: str
    title: str = ""
    inputs: Mapping[str, Any] | None = None
    output: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    cost_usd: float = 0.0
    steps: tuple[Mapping[str, Any], ...] | list[Mapping[str, Any]] = ()
    url: str = ""

    @property
    def is_over(self) -> bool:
        return self.status in OVER


@dataclass(frozen=True)
class Task:
    """A question to people. Send `shown_sha256` back with an approval: it says what was looked at."""

    id: str
    run: str
    kind: str
    status: str
    question: str
    draft: str = ""
    shown_sha256: str = ""
    decisions_possible: tuple[str, ...] | list[str] = ()
    url: str = ""


Shape = TypeVar("Shape", Run, Task)


class Tandem:
    """One department of one server, with the rights of one token."""

    def __init__(self, address: str, token: str, *, timeout_s: float = 70.0) -> None:
        self.root = address.rstrip("/") + "/api/v1/"
        self.token = token
        self.timeout_s = timeout_s

    def start(self, workflow: str, inputs: Mapping[str, Any], *, key: str = "") -> Run:
        """Start a run of the workflow (id or slug). The same `key` again gives the same run and starts nothing."""
        return _shaped(Run, self.post(f"workflows/{_quoted(workflow)}/runs", {"inputs": dict(inputs)}, key=key))

    def run(self, id: str) -> Run:
        return _shaped(Run, self.get(f"runs/{_quoted(id)}"))

    def wait(self, id: str, *, within_s: float = 600.0) -> Run:
        """The run once it is over or waits for a person; raises TimeoutError when neither comes in time."""
        until = time.monotonic() + within_s
        while True:
            left = max(0.0, until - time.monotonic())
            found = _shaped(Run, self.get(f"runs/{_quoted(id)}", wait_s=min(LONG_POLL_S, int(left) + 1)))
            if found.is_over or found.status == "waiting":
                return found
            if left == 0:
                raise TimeoutError(f"The run {id} is {found.status} after {within_s:g} s.")

    def tasks(self, **question: str) -> Iterator[Task]:
        """Open tasks that this token may decide; `run`, `workflow` or `kind` narrow it down."""
        for found in self.all("tasks", **{"status": "open", "mine": "true", **question}):
            yield _shaped(Task, self.get(f"tasks/{_quoted(found['id'])}"))

    def decide(self, task: str, decision: str, **more: Any) -> Mapping[str, Any]:
        """`reason`, `text`, `values`, `option` and `seen_sha256` as the kind of the task has them."""
        return self.post(f"tasks/{_quoted(task)}/decide", {"decision": decision, **more})

    def upload(self, path: str | Path) -> str:
        """The id of the file, to be given to an input of type file."""
        file, edge = Path(path), uuid.uuid4().hex
        name = file.name.replace('"', "'").replace("\r", " ").replace("\n", " ")
        head = f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        body = head.encode() + file.read_bytes() + f"\r\n--{edge}--\r\n".encode()
        return str(self._ask("POST", "files", body, f"multipart/form-data; boundary={edge}", uuid.uuid4().hex)["id"])

    def all(self, path: str, **question: Any) -> Iterator[Mapping[str, Any]]:
        """Every row of a list, page by page."""
        answer = self.get(path, **question)
        while True:
            yield from answer["results"]
            if not answer["next"]:
                return
            asked = urllib.parse.urlsplit(answer["next"])
            answer = self.get(path, **dict(urllib.parse.parse_qsl(asked.query)))

    def get(self, path: str, **question: Any) -> Any:
        asked = urllib.parse.urlencode({name: value for name, value in question.items() if value is not None})
        return self._ask("GET", f"{path}?{asked}" if asked else path)

    def post(self, path: str, body: Mapping[str, Any], *, key: str = "") -> Any:
        return self._ask("POST", path, json.dumps(body).encode(), "application/json", key or uuid.uuid4().hex)

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "", key: str = "") -> Any:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        headers |= {"Content-Type": kind} if kind else {}
        headers |= {"Idempotency-Key": key} if key else {}
        request = urllib.request.Request(self.root + path, data=body, headers=headers, method=method)
        until, pause = time.monotonic() + PATIENCE_S, 0.5
        while True:
            try:
                with urllib.request.urlopen(request, timeout=self.timeout_s) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code not in (429, 502, 503, 504) or time.monotonic() > until:
                    raise Refused(error.code, _problem(error)) from None
                wait_s = float(error.headers.get("Retry-After") or pause)
            except urllib.error.URLError:
                if time.monotonic() > until:
                    raise
                wait_s = pause
            time.sleep(min(wait_s, PATIENCE_S))
            pause = min(2 * pause, 10.0)


def _shaped(shape: type[Shape], found: Mapping[str, Any]) -> Shape:
    """What a newer server tells beside it is left out."""
    known = {one.name for one in fields(shape)}
    return shape(**{name: value for name, value in found.items() if name in known})


def _problem(error: urllib.error.HTTPError) -> Mapping[str, Any]:
    try:
        found = json.loads(error.read())
    except ValueError:
        return {"title": error.reason}
    return found if isinstance(found, dict) else {"title": error.reason}


def _quoted(part: str) -> str:
    return urllib.parse.quote(part, safe="")
