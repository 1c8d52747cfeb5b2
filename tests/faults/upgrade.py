"""`python -m tests.faults.upgrade COMMIT`: an upgrade with runs under way, and the way back (case H09).

Starts that older release with `up`, has it accept so many runs that wait for a time or for a person, ends it, starts
this release on the same home, has more accepted and some of the questions answered, then goes back to the older one,
which does the rest. Every run that was ever accepted has to succeed, and the ledger to verify.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from config.env import ROOT
from docs.tandem_client import Tandem
from tests.faults.sink import free_port

READY_WITHIN_S, DONE_WITHIN_S, ENDS_WITHIN_S = 300.0, 900.0, 60.0
FAST = {"TANDEM_API_PER_MINUTE": "100000"}
SAYS = {"id": "says", "kind": "text.compose", "with": {"text": "Good morning, {{ inputs.who }}."}}
NAP = {"id": "nap", "kind": "flow.wait", "with": {"for_s": 90}}
ASK = {"id": "ask", "kind": "people.approve", "with": {"question": "May {{ inputs.who }} come?"}}
ENDS = {**SAYS, "id": "ends"}


class Release:
    """A checkout, started with `up` on a home."""

    def __init__(self, folder: Path, home: Path, port: int) -> None:
        self.folder, self.port = folder, port
        settings = {"TANDEM_HOME": str(home), "PORT": str(port), "TANDEM_NO_BOOTSTRAP": "1", **FAST}
        self.environment = {**os.environ, **settings}
        self.log = home.parent / f"{folder.name}.log"

    def manage(self, *words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        done = subprocess.run(command, cwd=self.folder, env=self.environment, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(f"{' '.join(words)} in {self.folder.name}: {done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def up(self) -> Iterator[None]:
        began = time.monotonic()
        with self.log.open("a") as log:
            command = [sys.executable, "manage.py", "up"]
            process = subprocess.Popen(command, cwd=self.folder, env=self.environment, stdout=log, stderr=log)
        try:
            while not self._is_ready():
                if process.poll() is not None or time.monotonic() - began > READY_WITHIN_S:
                    raise SystemExit(f"{self.folder.name} did not start: {self.log.read_text()[-3000:]}")
                time.sleep(0.5)
            say(f"{self.folder.name} is up after {time.monotonic() - began:.0f} s")
            yield
        finally:
            process.terminate()
            process.wait(ENDS_WITHIN_S)

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False


def say(sentence: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {sentence}", flush=True)


def definition(name: str, steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"definition": {"name": name, "inputs": {"who": {"type": "text"}}, "steps": steps}}


class Drill:
    """What was accepted, by whichever release, and what came of it."""

    def __init__(self, release: Release) -> None:
        address = f"http://127.0.0.1:{release.port}"
        self.operator, self.approver = (Tandem(address, _token(release, role)) for role in ("manager", "approver"))
        made = (definition("Nap", [SAYS, NAP, ENDS]), definition("Ask", [SAYS, ASK, ENDS]))
        self.workflows = [self.operator.post("workflows", one)["id"] for one in made]
        for workflow in self.workflows:
            self.operator.post(f"workflows/{workflow}/publish", {"note": "Drill"})
        self.accepted: list[str] = []

    def accept(self, count: int) -> None:
        for number in range(count):
            workflow = self.workflows[number % len(self.workflows)]
            run = self.operator.start(workflow, {"who": f"visitor {number}"})
            self.accepted.append(run.id)
        say(f"{count} runs accepted; {dict(self.states())}")

    def decide(self, count: int) -> None:
        for task in islice(list(self.approver.tasks()), count):
            self.approver.decide(task.id, "approve", seen_sha256=task.shown_sha256)
        say(f"questions answered; {dict(self.states())}")

    def states(self) -> Counter[str]:
        """Of the runs that were accepted: `lost` where the server knows nothing of one."""
        found = {run["id"]: run["status"] for run in self.operator.all("runs", page_size=100)}
        return Counter(found.get(run, "lost") for run in self.accepted)

    def end(self) -> Counter[str]:
        began = time.monotonic()
        while (states := self.states()).keys() - {"succeeded"} and time.monotonic() - began < DONE_WITHIN_S:
            time.sleep(2)
        say(f"waited {time.monotonic() - began:.0f} s; {dict(states)}")
        return states


def _token(release: Release, role: str) -> str:
    said = release.manage("create_token", "--department", "legal", "--role", role, "--name", f"Drill {role}")
    return next(word for word in said.split() if word.startswith("tdm_"))


def drill(older: Path, folder: Path, runs: int) -> int:
    """0 where nothing was lost."""
    port = free_port()
    before, after = (Release(checkout, folder / "home", port) for checkout in (older, ROOT))
    with before.up():
        drilled = Drill(before)
        drilled.accept(runs)
    with after.up():
        drilled.accept(runs // 10)
        drilled.decide(runs // 4)
    with before.up():
        drilled.accept(runs // 10)
        drilled.decide(len(drilled.accepted))
        states = drilled.end()
    with after.up():
        say(after.manage("verify_ledger").strip().splitlines()[-1])
        again = drilled.states()
    return 0 if states == again == {"succeeded": len(drilled.accepted)} else 1


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("commit", help="the release before this one")
    asked.add_argument("--runs", type=int, default=1_000)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-upgrade-") as name:
        older = Path(name) / "before"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "--quiet", "--detach", str(older), given.commit], check=True)
        try:
            sys.exit(drill(older, Path(name), given.runs))
        finally:
            subprocess.run([*git, "remove", "--force", str(older)], check=True)


if __name__ == "__main__":
    main()
