"""`python -m bench.load`: the requests of a measurement, from a process of its own. Standard library only.

Reads one job as JSON from its input and writes what came of it as JSON: times in seconds of CLOCK_MONOTONIC, which all
processes of a machine share. It speaks raw HTTP/1.1 over connections that it keeps, because whatever it costs is taken
from the server's cores.
"""

from __future__ import annotations

import json
import re
import select
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

RUN_ID = re.compile(rb'"id":\s*"([0-9a-f-]{36})"')
ENDED = re.compile(rb'"status":\s*"(succeeded|failed|cancelled)"')
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class Refused(Exception):
    """The server answered with something else than was asked for."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes


class Connection:
    """One kept connection. A server may hang up between two requests; then a new one is made."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._socket = self._connect()
        self._closes = False

    def fileno(self) -> int:
        return self._socket.fileno()

    def ask(self, request: bytes) -> Answer:
        self.send(request)
        return self.receive()

    def send(self, request: bytes) -> None:
        if self._closes or select.select([self._socket], [], [], 0)[0]:  # readable while idle: it has hung up
            self._socket.close()
            self._socket = self._connect()
        self._socket.sendall(request)

    def receive(self) -> Answer:
        content = self._socket.recv(65_536)
        while (end := content.find(b"\r\n\r\n")) < 0:
            content += self._more()
        head = content[:end]
        found = LENGTH.search(head)
        if found is None:
            raise Refused(f"an answer without its length: {head[:200]!r}")
        whole = end + 4 + int(found[1])
        while len(content) < whole:
            content += self._more()
        self._closes = b"connection: close" in head.lower()
        return Answer(int(head[9:12]), content[end + 4 : whole])

    def _more(self) -> bytes:
        more = self._socket.recv(1_048_576)
        if not more:
            raise Refused("the server hung up in the middle of an answer")
        return more

    def _connect(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=120)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made


def start(job: dict[str, Any]) -> dict[str, Any]:
    """`count` runs, one workflow of `targets` after the other, over `connections` connections."""
    requests = [posting(target, job["inputs"]) for target in job["targets"]]
    left = iter(requests[number % len(requests)] for number in range(job["count"]))
    ports = job["ports"]
    connections = [Connection(ports[n % len(ports)]) for n in range(min(job["connections"], job["count"]))]
    sent_at: dict[int, float] = {}
    ids: list[str] = []
    took: list[float] = []
    began = time.monotonic()
    busy = [each for each in connections if _send_next(each, left, sent_at)]
    while busy:
        for each in select.select(busy, [], [], 60)[0]:
            ids.append(_run_id(each.receive()))
            took.append(time.monotonic() - sent_at[id(each)])
            if not _send_next(each, left, sent_at):
                busy.remove(each)
    return {"began": began, "ended": time.monotonic(), "ids": ids, "took_s": took}


def _send_next(connection: Connection, left: Iterator[bytes], sent_at: dict[int, float]) -> bool:
    request = next(left, None)
    if request is None:
        return False
    sent_at[id(connection)] = time.monotonic()
    connection.send(request)
    return True


def visible(job: dict[str, Any]) -> dict[str, Any]:
    """`count` times: start a run, ask for it until it is over. With `wait_s` one question waits for the end."""
    connection = Connection(job["ports"][0])
    target = job["targets"][0]
    posted = posting(target, job["inputs"])
    waits = f"?wait_s={job['wait_s']}" if job.get("wait_s") else ""
    took, accepted, asked = [], [], 0
    for _ in range(job["count"]):
        began = time.monotonic()
        run = _run_id(connection.ask(posted))
        accepted.append(time.monotonic() - began)
        question = getting(f"/api/v1/runs/{run}{waits}", f"Authorization: Bearer {target['token']}")
        asked += _ask_until_over(connection, question)
        took.append(time.monotonic() - began)
        time.sleep(job["pause_s"])
    return {"took_s": took, "accepted_s": accepted, "asked": asked}


def _ask_until_over(connection: Connection, question: bytes) -> int:
    """Questions asked. There is no pause between them, so that the answer is as late as the server makes it."""
    asked = 1
    while not (ended := ENDED.search(_good(connection.ask(question)).split(b'"steps"')[0])):
        asked += 1
    if ended[1] != b"succeeded":
        raise Refused(f"a run ended as {ended[1].decode()}")
    return asked


def pages(job: dict[str, Any]) -> dict[str, Any]:
    """`count` times the page at `path`, one after the other."""
    connection = Connection(job["ports"][0])
    request = getting(job["path"], f"Cookie: {job['cookie']}")
    took, size = [], 0
    for _ in range(job["count"]):
        began = time.monotonic()
        size = len(_good(connection.ask(request)))
        took.append(time.monotonic() - began)
    return {"took_s": took, "bytes": size}


def edits(job: dict[str, Any]) -> dict[str, Any]:
    """`count` edits on the build page at `path`: titles, texts, moves and a switch, each of another step."""
    connection = Connection(job["ports"][0])
    took, size = [], 0
    for number in range(job["count"]):
        request = submitting(job, {"edit": json.dumps(_edit(number, job["steps"]))})
        began = time.monotonic()
        size = max(size, len(_good(connection.ask(request))))
        took.append(time.monotonic() - began)
    return {"took_s": took, "bytes": size}


def decisions(job: dict[str, Any]) -> dict[str, Any]:
    """Each person approves one task on its page, evenly over `over_s`; a decision's time counts from its due moment."""
    count, ports = len(job["paths"]), job["ports"]
    free = [Connection(ports[number % len(ports)]) for number in range(min(64, count))]
    busy: dict[Connection, float] = {}
    took, sent, began = [], 0, time.monotonic()
    while sent < count or busy:
        due = began + sent * job["over_s"] / count
        if sent < count and free and time.monotonic() >= due:
            connection = free.pop()
            form = {"decision": "approve", "csrfmiddlewaretoken": job["csrf"]}
            of_one = {**job, "path": job["paths"][sent], "cookie": job["cookies"][sent]}
            connection.send(submitting(of_one, form))
            busy[connection] = due
            sent += 1
            continue
        pause = max(0.0, due - time.monotonic()) if sent < count and free else 1.0
        for connection in select.select(list(busy), [], [], pause)[0]:
            _good(connection.receive(), 302)
            took.append(time.monotonic() - busy.pop(connection))
            free.append(connection)
    return {"took_s": took, "ended": time.monotonic()}


def storm(job: dict[str, Any]) -> dict[str, Any]:
    """`rate` calls a second for `over_s` seconds, each as soon as it is due and a connection is free.

    Of the webhook at `path`, or starts of the workflow that `target` is.
    """
    count = int(job["rate"] * job["over_s"])
    free = [Connection(job["ports"][n % len(job["ports"])]) for n in range(job["connections"])]
    busy: dict[Connection, float] = {}
    statuses: dict[int, int] = {}
    took: list[float] = []
    sent, began = 0, time.monotonic()
    while (sent < count and time.monotonic() < began + job["over_s"]) or busy:
        due = began + sent / job["rate"]
        if sent < count and free and due <= time.monotonic() < began + job["over_s"]:
            connection = free.pop()
            connection.send(calling(job["path"], sent) if "path" in job else posting(job["target"], job["inputs"]))
            busy[connection] = time.monotonic()
            sent += 1
            continue
        pause = max(0.0, due - time.monotonic()) if sent < count and free else 0.1
        for connection in select.select(list(busy), [], [], pause)[0]:
            status = connection.receive().status
            statuses[status] = statuses.get(status, 0) + 1
            took.append(time.monotonic() - busy.pop(connection))
            free.append(connection)
    return {"took_s": took, "statuses": statuses, "sent": sent, "lasted_s": time.monotonic() - began}


def calling(path: str, number: int) -> bytes:
    body = json.dumps({"topic": f"call {number}"}).encode()
    lines = (f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json")
    return "\r\n".join((*lines, f"Content-Length: {len(body)}")).encode() + b"\r\n\r\n" + body


def _edit(number: int, steps: int) -> dict[str, Any]:
    step = f"s{number * 7 % steps + 1}"
    odd = f"s{(number * 7 % steps) // 2 * 2 + 1}"
    place = {"into": {"step": "", "arm": ""}, "at": number * 3 % steps}
    return (
        {"do": "change", "step": step, "field": "title", "value": f"Step {number}"},
        {"do": "change", "step": odd, "field": "with.text", "value": f"Text {number}: {{{{ inputs.topic }}}}"},
        {"do": "move", "steps": [step], "place": place},
        {"do": "change", "step": step, "field": "off", "value": True},
    )[number % 4]


def submitting(job: dict[str, Any], form: dict[str, str]) -> bytes:
    """A form as a browser sends it that is signed in."""
    body = urlencode(form).encode()
    lines = (
        f"POST {job['path']} HTTP/1.1",
        "Host: 127.0.0.1",
        f"Cookie: {job['cookie']}",
        f"X-CSRFToken: {job['csrf']}",
        "Content-Type: application/x-www-form-urlencoded",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def posting(target: dict[str, str], inputs: Any) -> bytes:
    body = json.dumps({"inputs": inputs}).encode()
    lines = (
        f"POST /api/v1/workflows/{target['workflow']}/runs HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {target['token']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def getting(path: str, header: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{header}\r\n\r\n".encode()


def _run_id(answer: Answer) -> str:
    found = RUN_ID.search(_good(answer, 201))
    if found is None:
        raise Refused(f"a started run without an id: {answer.body[:200]!r}")
    return found[1].decode()


def _good(answer: Answer, status: int = 200) -> bytes:
    if answer.status != status:
        raise Refused(f"{answer.status} instead of {status}: {answer.body[:400]!r}")
    return answer.body


JOBS = {"start": start, "visible": visible, "pages": pages, "edits": edits, "decisions": decisions, "storm": storm}


def main() -> None:
    job = json.load(sys.stdin)
    before_s = time.process_time()
    result = JOBS[job["do"]](job)
    json.dump({**result, "cpu_s": time.process_time() - before_s}, sys.stdout)


if __name__ == "__main__":
    main()
