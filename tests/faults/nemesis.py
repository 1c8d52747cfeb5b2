"""What befalls a running stack: a plan drawn from a seed, and the hand that carries it out.

Four streams run beside each other, each with a blow every few seconds: the processes, the database, the broker with its
messages, and the outside world.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from tests.faults.brokers import Broker
from tests.faults.postgres import Server
from tests.faults.proxy import Dose, Proxy
from tests.faults.sink import Sink
from tests.faults.stack import Stack

Pause = tuple[float, float]
"""Shortest and longest seconds between two blows of one stream."""

PROCESSES = ("web", "worker", "worker.2", "scheduler", "scheduler.2")
KILLED_AT = {
    "web": ("before_run_commit", "run_committed_before_publish", "approval_committed_before_publish"),
    "worker": (
        "msg_received_before_claim",
        "claim_sent_ack_lost",
        "claimed_before_effect",
        "intent_committed_before_send",
        "response_before_completion_tx",
        "in_completion_tx",
        "commit_sent_ack_lost",
        "committed_before_publish",
        "published_before_ack",
        "fanout_mid_batch",
    ),
    "scheduler": ("timer_due_before_cas", "sweeper_read_before_cas", "sweeper_cas_before_publish"),
}

DEEDS: dict[str, dict[str, int]] = {
    "process": {"kill": 5, "kill_at": 3, "freeze": 3, "ask_to_stop": 2},
    "database": {"restart": 5, "crash": 2, "terminate": 3, "freeze": 1},
    "broker": {"lose": 3, "double": 2, "delay": 2, "flush": 2, "freeze": 1, "restart": 2, "cut": 1, "black_hole": 1},
    "outside": {"drop_answers": 1},
}
LONGEST_S = {"freeze": 10.0, "restart": 2.0, "crash": 2.0, "kill_at": 10.0, "black_hole": 8.0}
OTHERWISE_S = 12.0


@dataclass(frozen=True, slots=True)
class Blow:
    """One deed. `seconds`: for how long something is stopped, down or dosed; `at_s` counts from the beginning."""

    at_s: float
    stream: str
    deed: str
    whom: str = ""
    seconds: float = 0.0

    @property
    def target(self) -> str:
        """What suffers: one thing suffers one deed at a time."""
        return f"{self.stream} {self.whom.partition(' ')[0]}"

    def __str__(self) -> str:
        target = f" {self.whom}" if self.whom else ""
        return f"{self.at_s:7.1f} s  {self.stream:<9}{self.deed}{target} ({self.seconds:.1f} s)"


def plan(seed: int, seconds: float, pause: Pause) -> list[Blow]:
    """Every blow of the next `seconds`, in order. The same seed gives the same plan."""
    blows = [blow for stream in DEEDS for blow in _stream(random.Random(f"{seed}/{stream}"), stream, seconds, pause)]
    return sorted(blows, key=_moment)


def _moment(blow: Blow) -> float:
    return blow.at_s


def _stream(dice: random.Random, stream: str, seconds: float, pause: Pause) -> Iterator[Blow]:
    at_s = dice.uniform(*pause)
    while at_s < seconds:
        deed = dice.choices([*DEEDS[stream]], weights=[*DEEDS[stream].values()])[0]
        yield Blow(at_s, stream, deed, _whom(dice, stream, deed), dice.uniform(0, LONGEST_S.get(deed, OTHERWISE_S)))
        at_s += dice.uniform(*pause)


def _whom(dice: random.Random, stream: str, deed: str) -> str:
    if stream != "process":
        return ""
    name = dice.choice(PROCESSES)
    return f"{name} {dice.choice(KILLED_AT[name.partition('.')[0]])}" if deed == "kill_at" else name


@dataclass
class Nemesis:
    """Carries out a plan on a stack, from the main thread: call `tick` often. `done` is what was done so far."""

    stack: Stack
    postgres: Server
    broker: Broker
    proxy: Proxy
    sink: Sink
    blows: list[Blow]
    say: Callable[[str], None]
    done: list[Blow] = field(default_factory=list)
    undo: dict[str, tuple[float, Callable[[], None]]] = field(default_factory=dict)
    """Target → when its suffering ends, and how."""
    began: float = field(default_factory=time.monotonic)

    @property
    def age_s(self) -> float:
        return time.monotonic() - self.began

    def tick(self) -> None:
        """What is due: first what ends, then what begins."""
        for target in [target for target, (at_s, _) in self.undo.items() if at_s <= self.age_s]:
            self._end(target)
        while self.blows and self.blows[0].at_s <= self.age_s:
            self.strike(self.blows.pop(0))

    def strike(self, blow: Blow) -> None:
        self.say(str(blow))
        self._end(blow.target)
        getattr(self, f"_{blow.stream}_{blow.deed}")(blow)
        self.done.append(blow)

    def heal(self) -> None:
        """No fault is left; whatever is dead comes back by itself."""
        self.blows.clear()
        for target in [*self.undo]:
            self._end(target)
        self.sink.behave()

    def _after(self, blow: Blow, end: Callable[[], None]) -> None:
        self.undo[blow.target] = (self.age_s + blow.seconds, end)

    def _end(self, target: str) -> None:
        if target in self.undo:
            self.undo.pop(target)[1]()

    # Processes ------------------------------------------------------------------------------------------------------

    def _process_kill(self, blow: Blow) -> None:
        self.stack.kill(blow.whom)

    def _process_ask_to_stop(self, blow: Blow) -> None:
        self.stack.ask_to_stop(blow.whom)

    def _process_freeze(self, blow: Blow) -> None:
        def thaw() -> None:
            self.stack.thaw(blow.whom)

        with suppress(ProcessLookupError):  # it died a moment ago
            self.stack.freeze(blow.whom)
        self._after(blow, thaw)

    def _process_kill_at(self, blow: Blow) -> None:
        """Kill it the next time it comes by a named place, if it does so in time."""
        name, _, point = blow.whom.partition(" ")

        def forget() -> None:
            self.stack.strike(name, "")

        self.stack.strike(name, f"{point}:kill9%0.5")
        self._after(blow, forget)

    # The database ---------------------------------------------------------------------------------------------------

    def _database_restart(self, blow: Blow) -> None:
        """Down for `seconds`, as an update of it would be."""
        self.postgres.restart(blow.seconds)

    def _database_crash(self, blow: Blow) -> None:
        """It goes without a word and reads its log when it comes back."""
        self.postgres.restart(blow.seconds, hard=True)

    def _database_terminate(self, blow: Blow) -> None:
        """About half of all sessions lose their connection."""
        self.postgres.cut_sessions(random.Random(blow.at_s), 0.5)

    def _database_freeze(self, blow: Blow) -> None:
        self.postgres.freeze()
        time.sleep(blow.seconds)
        self.postgres.thaw()

    # The broker -----------------------------------------------------------------------------------------------------

    def _broker_lose(self, blow: Blow) -> None:
        self._dose(blow, Dose(lost=1.0 if blow.seconds > OTHERWISE_S / 2 else 0.5))

    def _broker_double(self, blow: Blow) -> None:
        self._dose(blow, Dose(copies=3))

    def _broker_delay(self, blow: Blow) -> None:
        self._dose(blow, Dose(copies=2, late_s=5.0))

    def _dose(self, blow: Blow, dose: Dose) -> None:
        def undose() -> None:
            self.proxy.dose = Dose()

        self.proxy.dose = dose
        self._after(blow, undose)

    def _broker_flush(self, blow: Blow) -> None:
        with self.broker.client() as client:
            client.flushall()

    def _broker_freeze(self, blow: Blow) -> None:
        self.broker.freeze()
        self._after(blow, self.broker.thaw)

    def _broker_restart(self, blow: Blow) -> None:
        self.broker.kill()
        time.sleep(blow.seconds)
        self.broker.start()

    def _broker_cut(self, blow: Blow) -> None:
        self.proxy.cut()

    def _broker_black_hole(self, blow: Blow) -> None:
        self.proxy.black_hole()
        self._after(blow, self.proxy.heal)

    # The outside world ----------------------------------------------------------------------------------------------

    def _outside_drop_answers(self, blow: Blow) -> None:
        """The next effects happen, and nobody is told."""
        self.sink.behave(answer="drop", times=3)
