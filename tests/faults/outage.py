"""`python -m tests.faults.outage`: a provider of models is away while hundreds of steps wait for it (case M03).

Starts this release with `up` on a home of its own and a scripted provider beside it. So many runs come to their AI step
at the same moment, after a quiet minute, and the provider fails for MINUTES: 500, 502, 503 and silence in turn.
Then it answers again. Few questions may reach it until it is left alone, one in 30 s may after that, every step has
to be done within five minutes of its return, and none may fail.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from config.env import ROOT
from docs.tandem_client import Tandem
from tests.faults.sink import free_port
from tests.faults.upgrade import Release, definition, say
from tests.scripted_provider import Reply, ScriptedProvider, fails, fitting, stalls_before_headers

MOST_TO_OPEN, REST_S, DONE_WITHIN_S = 25, 30.0, 300.0
QUIET_S = 65
"""Longer than what a model has answered counts: a new home asks some questions by itself."""
PER_SECOND = 15
"""Runs that are surely started in a second, so that all are there when the moment has come."""
UNTIL = {"id": "until", "kind": "flow.wait", "with": {"until": "{{ inputs.who }}"}}
WRITES = {"id": "writes", "kind": "ai.write", "with": {"instructions": "Say good morning."}}


class Away:
    """Fails in all the ways that the case names, in turn."""

    def __init__(self) -> None:
        self.replies = itertools.cycle([fails(500), fails(502), fails(503), stalls_before_headers()])

    def __call__(self, _asked: dict[str, Any]) -> Reply:
        return next(self.replies)


class Outage:
    def __init__(self, release: Release, provider: ScriptedProvider) -> None:
        said = release.manage("create_token", "--department", "legal", "--role", "manager", "--name", "Outage")
        token = next(word for word in said.split() if word.startswith("tdm_"))
        self.provider = provider
        self.client = Tandem(f"http://127.0.0.1:{release.port}", token)
        self.workflow = self.client.post("workflows", definition("Waits", [UNTIL, WRITES]))["id"]
        self.client.post(f"workflows/{self.workflow}/publish", {"note": "Outage"})

    def start(self, count: int, quiet_s: float = 5) -> float:
        """The moment, of time.monotonic(), at which all of them will ask."""
        lead_s = quiet_s + count / PER_SECOND
        began, moment = time.monotonic(), datetime.now(UTC) + timedelta(seconds=lead_s)
        for _ in range(count):
            self.client.start(self.workflow, {"who": moment.isoformat()})
        say(f"{count} runs wait for {moment:%H:%M:%S}; it took {time.monotonic() - began:.0f} s to start them")
        return began + lead_s

    def states(self) -> Counter[str]:
        return Counter(run["status"] for run in self.client.all("runs", page_size=100, workflow=self.workflow))

    def wait_for_end(self, patience_s: float) -> float:
        began = time.monotonic()
        while self.states().keys() - {"succeeded", "failed", "cancelled"} and time.monotonic() - began < patience_s:
            time.sleep(2)
        return time.monotonic() - began


def questions(times: list[float]) -> tuple[int, list[float]]:
    """How many came until there was a pause of half a rest, and when each of the others came (in s since the first)."""
    since = [each - times[0] for each in sorted(times)]
    pauses = (n for n in range(1, len(since)) if since[n] - since[n - 1] > REST_S / 2)
    opened = next(pauses, len(since))
    return opened, since[opened:]


def suffer(release: Release, provider: ScriptedProvider, minutes: float, steps: int) -> int:
    """0 where the case holds."""
    outage = Outage(release, provider)
    outage.start(1)
    outage.wait_for_end(60)
    moment = outage.start(steps, QUIET_S)
    before, provider.reply = provider.calls, Away()
    time.sleep(max(0.0, moment + minutes * 60 - time.monotonic()))

    to_open, probes = questions(provider.times[before:])
    states, provider.reply = outage.states(), fitting
    took_s = outage.wait_for_end(2 * DONE_WITHIN_S)
    ended = outage.states()
    most_probes = minutes * 60 / REST_S
    say(f"{to_open} questions until it was left alone (at most {MOST_TO_OPEN}); runs then: {dict(states)}")
    say(f"{len(probes)} probes (at most {most_probes:.0f}), after {', '.join(f'{each:.0f}' for each in probes)} s")
    say(f"{took_s:.0f} s after its return all are done (at most {DONE_WITHIN_S:.0f}): {dict(ended)}")
    holds = to_open <= MOST_TO_OPEN and len(probes) <= most_probes and took_s <= DONE_WITHIN_S
    return 0 if holds and ended == {"succeeded": steps + 1} else 1


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--minutes", type=float, default=10)
    asked.add_argument("--steps", type=int, default=500)
    given = asked.parse_args()
    provider = ScriptedProvider()
    with tempfile.TemporaryDirectory(prefix="tandem-outage-") as name:
        release = Release(ROOT, Path(name) / "home", free_port())
        release.environment |= {"OPENAI_BASE_URL": provider.base_url, "OPENAI_API_KEY": ""}
        with release.up():
            failed = suffer(release, provider, given.minutes, given.steps)
    provider.close()
    sys.exit(failed)


if __name__ == "__main__":
    main()
