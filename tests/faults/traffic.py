"""What people and programs do to a server under fire: a mix of workflows, started, decided, cancelled and retried.

Everything goes through the HTTP API, as from outside. A request without an answer is sent again with its key.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults.stack import Answer, Stack
from tests.scripted_provider import Reply, fails, fitting, rate_limited

STARTERS = 6
PATIENTLY = {"attempts": 20, "first_delay_s": 0.3, "longest_s": 3}
PAUSE_S = 0.3
RETRIED = "flaky"
"""The shape whose failed runs are retried; any other failure is final for its own good reason."""

Node = dict[str, Any]


def effect(url: str, id: str, kind: str, **given: Any) -> Node:
    return {"id": id, "kind": f"effect.{kind}", "with": {"url": url, **given}, "retry": PATIENTLY}


def posts_once(url: str, id: str) -> Node:
    """The product's own step for a plain POST: at most once."""
    headers = {"X-Effect": "unsafe", "X-Effect-Key": f"{{{{ run.id }}}}/{id}"}
    given = {"method": "POST", "url": f"{url}/effects/{id}", "headers": headers, "body_json": {"run": "{{ run.id }}"}}
    return {"id": id, "kind": "http.request", "with": given}


def refused(url: str, id: str) -> Node:
    return {"id": id, "kind": "http.request", "with": {"url": f"{url}/nothing/here"}}


def says(id: str) -> Node:
    return {"id": id, "kind": "text.compose", "with": {"text": "{{ inputs.number }}"}}


def waits(id: str, seconds: float) -> Node:
    return {"id": id, "kind": "flow.wait", "with": {"for_s": seconds}}


def classifies(id: str) -> Node:
    given = {"text": "{{ inputs.number }} people like it.", "labels": ["good", "bad"]}
    return {"id": id, "kind": "ai.classify", "with": given, "retry": PATIENTLY, "timeout_s": 8}


def approves(id: str) -> Node:
    return {"id": id, "kind": "people.approve", "with": {"question": "May {{ inputs.number }} go out?"}}


def shapes(url: str) -> Mapping[str, tuple[int, list[Node]]]:
    """Name → (weight, steps). `url` is the sink's."""
    both = [{"steps": [effect(url, "left", "checkable"), waits("nap", 2)]}, {"steps": [effect(url, "right", "keyed")]}]
    each = {
        "id": "each",
        "kind": "flow.for_each",
        "with": {"items": [1, 2, 3, 4, 5, 6], "concurrency": 3},
        "steps": [effect(url, "item", "keyed", sleep_s=0.1), says("told")],
    }
    rescued = {
        "id": "try",
        "kind": "flow.attempt",
        "steps": [refused(url, "bad")],
        "rescue": [effect(url, "b", "keyed")],
    }
    return {
        "local": (3, [says("one"), says("two"), says("three")]),
        "model": (3, [classifies("tone"), effect(url, "note", "keyed")]),
        "effects": (4, [effect(url, "a", "keyed"), effect(url, "b", "checkable"), posts_once(url, "c"), says("d")]),
        "slow": (2, [effect(url, "a", "keyed", sleep_s=1.5), posts_once(url, "b"), effect(url, "c", "pure")]),
        "both": (2, [{"id": "p", "kind": "flow.parallel", "arms": both}, says("end")]),
        "items": (2, [each, effect(url, "after", "keyed")]),
        "timer": (2, [waits("nap", 3), effect(url, "after", "checkable")]),
        "people": (2, [effect(url, "draft", "keyed"), approves("ask"), effect(url, "send", "keyed")]),
        "rescued": (1, [rescued, says("end")]),
        RETRIED: (1, [effect(url, "a", "keyed"), refused(url, "b")]),
    }


def moody(seed: int) -> Callable[[dict[str, Any]], Reply]:
    """A provider that is often busy, broken or asleep."""
    dice, lock = random.Random(f"{seed}/provider"), threading.Lock()

    def reply(asked: dict[str, Any]) -> Reply:
        with lock:
            mood = dice.random()
        if mood < 0.08:
            return fails(500)
        if mood < 0.16:
            return rate_limited("1")
        if mood < 0.18:
            return Reply(stall_before_headers=True, stall_s=20)
        return fitting(asked)

    return reply


@dataclass
class Job:
    """One run that is to be started, and what becomes of it. `run_id` is empty until it was accepted."""

    number: int
    at_s: float
    shape: str
    key: str
    cancel_after_s: float = 0.0
    run_id: str = ""


def jobs(seed: int, count: int, seconds: float, weights: Mapping[str, int]) -> list[Job]:
    """`count` runs spread evenly over `seconds`; one in thirty is cancelled. The same seed gives the same jobs."""
    dice = random.Random(f"{seed}/traffic")
    names = dice.choices([*weights], weights=[*weights.values()], k=count)
    return [
        Job(
            number,
            at_s=seconds * number / count,
            shape=name,
            key=f"chaos-{seed}-{number}",
            cancel_after_s=dice.uniform(0.05, 2.5) if dice.random() < 1 / 30 else 0.0,
        )
        for number, name in enumerate(names)
    ]


@dataclass
class Traffic:
    """Threads that speak to the server until every job is done and `stop` is called."""

    stack: Stack
    seed: int
    jobs: list[Job]
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    stopping: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self) -> None:
        self.began = time.monotonic()
        for number in range(STARTERS):
            self._thread(self._start, self.jobs[number::STARTERS])
        self._thread(self._decide)
        self._thread(self._look_after)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began

    @property
    def accepted(self) -> list[Job]:
        return [job for job in self.jobs if job.run_id]

    @property
    def all_started(self) -> bool:
        return len(self.accepted) == len(self.jobs)

    def stop(self) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)

    def _thread(self, deed: Callable[..., None], *given: Any) -> None:
        thread = threading.Thread(target=self._guarded, args=(deed, *given), daemon=True)
        self.threads.append(thread)
        thread.start()

    def _guarded(self, deed: Callable[..., None], *given: Any) -> None:
        try:
            deed(*given)
        except Exception as error:
            self.problems.append(f"the traffic itself broke: {type(error).__name__}: {error}")
            raise

    def _start(self, mine: list[Job]) -> None:
        for job in mine:
            if self.stopping.wait(max(0.0, job.at_s - self.age_s)):
                return
            answer = self._insist(
                "start", "POST", f"workflows/{job.shape}/runs", {"inputs": {"number": job.number}}, job.key
            )
            if answer is None:
                return
            if answer.status != 201:
                self.problems.append(f"start {job.number} was answered with {answer.status}: {answer.body}")
                continue
            job.run_id = answer.body["id"]

    def _decide(self) -> None:
        """Every open task, one in eight with a no."""
        dice = random.Random(f"{self.seed}/decider")
        while not self.stopping.wait(PAUSE_S):
            asked = self._once("tasks", "GET", "tasks?status=open&page_size=50")
            for task in asked.body["results"] if asked.status == 200 else ():
                verdict = "reject" if dice.random() < 1 / 8 else "approve"
                body = {"decision": verdict, "reason": "So decided."}
                self._insist("decide", "POST", f"tasks/{task['id']}/decide", body, f"decide-{task['id']}")

    def _look_after(self) -> None:
        """Cancels those that are to be cancelled, and retries what is flaky once it failed."""
        to_cancel = [job for job in self.jobs if job.cancel_after_s]
        to_retry = [job for job in self.jobs if job.shape == RETRIED and not job.cancel_after_s]
        while not self.stopping.wait(PAUSE_S):
            for job in [job for job in to_cancel if job.run_id and self.age_s > job.at_s + job.cancel_after_s]:
                to_cancel.remove(job)
                self._insist("cancel", "POST", f"runs/{job.run_id}/cancel", {}, f"cancel-{job.key}")
            for job in [job for job in to_retry if job.run_id and self.age_s > job.at_s + 8]:
                read = self._once("read", "GET", f"runs/{job.run_id}")
                if read.status == 200 and read.body["status"] == "failed":
                    to_retry.remove(job)
                    self._insist("retry", "POST", f"runs/{job.run_id}/retry", {}, f"retry-{job.key}")

    def _insist(self, what: str, method: str, path: str, body: Any, key: str) -> Answer | None:
        """Ask until there is an answer that is final; None when the traffic ends before."""
        while not self.stopping.is_set():
            answer = self._once(what, method, path, body, key)
            if answer.status and answer.status < 500 and not (answer.status == 409 and _is_under_way(answer)):
                return answer
            self.stopping.wait(PAUSE_S)
        return None

    def _once(self, what: str, method: str, path: str, body: Any = None, key: str = "") -> Answer:
        answer = self.stack.call(method, path, body, key=key, timeout_s=15)
        self.answers[f"{what} {answer.status or 'unanswered'}"] += 1
        return answer


def _is_under_way(answer: Answer) -> bool:
    """409 says either that the first request with this key has not ended, or that there is nothing left to do."""
    return "Idempotency-Key" in str(answer.body)
