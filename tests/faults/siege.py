"""Case K27 with D02's dose: a whole stack under traffic, a nemesis on all of it, and then the invariants.

Runs in a process of its own (`tests.faults.chaos`), with Django set up on a home of its own.
"""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import Error, connection

from connectors.models_gateway.request import SchemaSupport
from tests import clusters, factories
from tests.faults import brokers, nemesis, pace, traffic, witness
from tests.faults.invariants import check_invariants
from tests.faults.nemesis import Nemesis
from tests.faults.postgres import Server
from tests.faults.proxy import Proxy
from tests.faults.sink import Sink
from tests.faults.stack import CANARIES, Stack, database_url
from tests.scripted_provider import MODEL, ScriptedProvider
from tests.workflows.runtime.harness import published
from workflows.models import Run, StepRun

GRACE_S = 300
ENDED_SHARE = 0.999
RUNS_PER_MINUTE = 5_000 / 30
OVER = ("succeeded", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Dose:
    """How long, how many runs, how often each stream strikes, and all randomness."""

    minutes: float
    seed: int

    @property
    def seconds(self) -> float:
        return self.minutes * 60

    @property
    def runs(self) -> int:
        return max(20, round(self.minutes * RUNS_PER_MINUTE))

    @property
    def pause(self) -> nemesis.Pause:
        """A short siege has to strike faster to strike at all."""
        return (5, 40) if self.minutes >= 2 else (2, 8)


@dataclass
class Siege:
    """The world of one siege, from the first process to the account at the end."""

    dose: Dose
    say: Callable[[str], None]
    quiet_s: dict[str, float] = field(default_factory=dict)

    def run(self) -> bool:
        """Whether everything held. Says all that happened."""
        self.say(f"Seed {self.dose.seed}: {self.dose.runs} runs in {self.dose.minutes:g} minutes.")
        self.say(
            f"Clocks of the tests: leases of {pace.LEASE.total_seconds():g} s, {pace.FORGOTTEN} to forget a message."
        )
        with ExitStack() as stack:
            self._set_up(stack)
            self._rest()
            self._besiege()
            self._let_it_end()
            return self._account()

    # The stages -----------------------------------------------------------------------------------------------------

    def _set_up(self, stack: ExitStack) -> None:
        home = settings.DATA_DIR
        settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)
        clusters.copied(clusters.cluster(), home)
        self.postgres = Server(home, {"max_connections": "200"}).start()
        stack.callback(self.postgres.stop)
        witness.install()

        self.broker = stack.enter_context(brokers.running("valkey"))
        self.proxy = Proxy(self.broker.url, self.dose.seed)
        stack.callback(self.proxy.stop)
        self.sink = Sink(home / "sink").start()
        stack.callback(self.sink.stop)
        self.provider = ScriptedProvider()
        stack.callback(self.provider.close)
        self.stack = Stack(home / "stack", database_url(), self.proxy.url, home=home)
        stack.callback(self.stack.stop)
        self._publish()
        connection.close()
        self.stack.start(*nemesis.PROCESSES)
        self.say(f"The stack is up under {home}: {', '.join(nemesis.PROCESSES)}, PostgreSQL, Valkey behind a proxy.")

    def _publish(self) -> None:
        department = factories.make_department("Siege", egress_hosts=[self.sink.egress])
        served = factories.make_provider(base_url=self.provider.base_url)
        factories.make_model(served, name=MODEL, is_default=True, schema_support=SchemaSupport.FULL, first_byte_s=4)
        self.provider.reply = traffic.moody(self.dose.seed)
        self.shapes = traffic.shapes(self.sink.url)
        for name, (_, steps) in self.shapes.items():
            published(steps, department, name=name, inputs={"number": {"type": "number"}})
        self.stack.sign_in(department)

    def _rest(self) -> None:
        """How long each shape takes in peace: the better of two, for the first one finds cold processes."""
        calm = self._traffic(
            [traffic.Job(0, at_s, name, f"calm-{name}-{at_s}") for at_s in (0, 3) for name in self.shapes]
        )
        self._watch(lambda: calm.all_started and not open_runs(), 60)
        calm.stop()
        self.calm_runs = len(calm.accepted)
        self.quiet_s = {name: min(all_durations(name), default=0.0) for name in self.shapes}

    def _besiege(self) -> None:
        weights = {name: weight for name, (weight, _) in self.shapes.items()}
        self.traffic = self._traffic(traffic.jobs(self.dose.seed, self.dose.runs, self.dose.seconds, weights))
        blows = nemesis.plan(self.dose.seed, self.dose.seconds, self.dose.pause)
        self.nemesis = Nemesis(self.stack, self.postgres, self.broker, self.proxy, self.sink, blows, self.say)

        def is_over() -> bool:
            self.nemesis.tick()
            return self.nemesis.age_s > self.dose.seconds

        self.stack.supervisor.keep(is_over)
        self.nemesis.heal()

    def _let_it_end(self) -> None:
        began = time.monotonic()
        self._watch(lambda: self.traffic.all_started and not open_runs(), GRACE_S)
        self.say(
            f"{self.nemesis.age_s:7.1f} s  faults off; after {time.monotonic() - began:.0f} s nothing is left to do."
        )
        self.traffic.stop()

    def _traffic(self, jobs: list[traffic.Job]) -> traffic.Traffic:
        made = traffic.Traffic(self.stack, self.dose.seed, jobs)
        made.begin()
        return made

    def _watch(self, until: Callable[[], bool], patience_s: float) -> None:
        """Keep the processes running until it is so; looks once a second, and gives up without a word."""
        deadline, looked = time.monotonic() + patience_s, [0.0]

        def is_enough() -> bool:
            if time.monotonic() > deadline:
                return True
            if time.monotonic() - looked[0] < 1:
                return False
            looked[0] = time.monotonic()
            try:
                return until()
            except Error:
                return False
            finally:
                connection.close()

        self.stack.supervisor.keep(is_enough)

    # The account ----------------------------------------------------------------------------------------------------

    def _account(self) -> bool:
        violations = [*self._violations(), *self.traffic.problems]
        unended = open_runs()
        share = 1 - len(unended) / self.dose.runs
        self._say_counts(share)
        self._say_delays()
        for line in self._of_each(unended):
            self.say(f"Not ended: {line}")
        for sentence in violations:
            self.say(f"VIOLATION {sentence}")
        holds = not violations and share >= ENDED_SHARE
        self.say(
            f"{len(violations)} violations; {share:.2%} ended. Seed {self.dose.seed}: {'held' if holds else 'BROKEN'}."
        )
        return holds

    def _violations(self) -> Iterable[str]:
        yield from check_invariants(
            self.sink,
            min_succeeded=self.dose.runs // 2,
            lease=pace.LEASE,
            canaries=[*CANARIES.values(), self.stack.token],
            written=self.stack.written(),
        )
        known = {str(id) for id in roots().values_list("pk", flat=True)}
        accepted = Counter(job.run_id for job in self.traffic.accepted)
        yield from (f"K24 run {id} was accepted and is gone" for id in accepted if id not in known)
        yield from (f"R02 run {id} was given to {times} requests" for id, times in accepted.items() if times > 1)
        if len(known) != len(accepted) + self.calm_runs:
            yield f"R02 {len(known) - self.calm_runs} runs came of {len(accepted)} accepted requests"
        defects = roots().filter(status="failed", error__code="defect").values_list("pk", "error__message")
        yield from (f"D01 run {id} failed, though nothing in it was wrong: {message}" for id, message in defects)
        if not self.nemesis.done:
            yield "I12 nothing was done to the stack: nothing was proved"
        yield from (f"K01 start {job.number} was never answered" for job in self.traffic.jobs if not job.run_id)

    def _say_counts(self, share: float) -> None:
        statuses = Counter(roots().values_list("status", flat=True))
        reasons = Counter(f"{error['code']} at {error['step'] or 'no step'}" for error in _errors())
        parked = Counter(step.error["code"] for step in StepRun.objects.filter(status="parked") if step.error)
        deeds = Counter(f"{blow.stream} {blow.deed}" for blow in self.nemesis.done)
        strikes = Counter(strike.point for strike in self.stack.struck())
        self.say(f"Done to it: {_listed(deeds)}. Killed at a named place: {_listed(strikes)}.")
        self.say(f"Requests: {_listed(self.traffic.answers)}.")
        self.say(f"Messages: {self.proxy.counts}. Model calls: {self.provider.calls}.")
        self.say(
            f"Runs: {_listed(statuses)}; of {self.dose.runs} started, {share:.2%} ended or put aside for a person."
        )
        self.say(f"Failed because of: {_listed(reasons)}. Parked for a person: {_listed(parked)}.")

    def _say_delays(self) -> None:
        for name, quiet_s in sorted(self.quiet_s.items()):
            took = sorted(seconds - quiet_s for seconds in all_durations(name))
            if len(took) > 1:
                cuts = statistics.quantiles(took, n=20)
                self.say(
                    f"Added delay of {name}: half {statistics.median(took):.1f} s, 95 % {cuts[-1]:.1f} s, "
                    f"longest {took[-1]:.1f} s ({len(took)} runs, {quiet_s:.1f} s in peace)."
                )

    def _of_each(self, ids: list[UUID]) -> Iterable[str]:
        for run in Run.objects.filter(pk__in=ids).select_related("workflow"):
            steps = list(StepRun.objects.filter(run=run).values_list("path", "status", "claims"))
            yield f"{run.pk} ({run.workflow.slug}) is {run.status}; its steps: {steps}"


def roots() -> Any:
    return Run.objects.filter(parent=None)


def open_runs() -> list[UUID]:
    """Runs that are not at their end and that no person has to carry on: an unknown outcome waits for one."""
    aside = StepRun.objects.filter(status="parked", error__code="outcome_unknown").values_list(
        "run_id", "run__parent_id"
    )
    excused = {id for pair in aside for id in pair}
    return [id for id in roots().exclude(status__in=OVER).values_list("pk", flat=True) if id not in excused]


def all_durations(slug: str) -> list[float]:
    rows = roots().filter(status="succeeded", workflow__slug=slug).values_list("created_at", "finished_at")
    return [(finished - created).total_seconds() for created, finished in rows]


def _errors() -> Iterable[dict[str, Any]]:
    return [error for error in roots().filter(status="failed").values_list("error", flat=True) if error]


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counter.most_common()) or "nothing"
