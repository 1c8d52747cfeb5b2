"""Keeps programs running: starts them, starts them again when they die, stops them in order."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from config.processes import Process, Program, ending

LONGEST_PAUSE_S = 30
STEADY_S = 60
"""A program that lived this long had started well: its next restart comes at once again."""
NEARLY_FULL_BYTES = 200_000_000


class Stopped(Exception):
    """The person (or the system) asked us to end while we were still starting."""


@dataclass
class Kept:
    """A program that is to run, its present life, and how often in a row it died young."""

    process: Process
    deaths: int = 0
    restart_at: float | None = None


class Supervisor:
    """Programs start in the order given and stop, group by group, in the opposite one. Main thread only."""

    def __init__(self, home: Path, say: Callable[[str], None]) -> None:
        self.home = home
        self.say = say
        self.groups: list[list[Kept]] = []
        self.is_stopping = False

    def obey_signals(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def start(self, programs: Sequence[Program], *, one_by_one: bool = False) -> None:
        """Start a group and wait until each is ready. Raises NotReady and Stopped.

        `one_by_one`: the first has all the cores for itself until it is ready.
        """
        group: list[Kept] = []
        self.groups.append(group)
        for program in programs:
            group.append(Kept(Process(program)))
            if one_by_one:
                self._await(group[-1])
        if not one_by_one:
            for kept in group:
                self._await(kept)

    def run(self, program: Program) -> int:
        """Run one to its end while the others are kept. Returns its exit code; raises Stopped."""
        process = Process(program)
        try:
            self.keep(until=lambda: process.exit_code() is not None)
        finally:
            process.stop()
        if self.is_stopping:
            raise Stopped
        return process.exit_code() or 0

    def keep(self, until: Callable[[], bool] = lambda: False) -> None:
        """Start again whatever dies, until asked to stop or `until()`."""
        while not self.is_stopping and not until():
            for group in self.groups:
                for kept in group:
                    self._look_after(kept)
            time.sleep(0.1)

    def stop_all(self) -> None:
        """Last started, first stopped; those of one group together."""
        for group in reversed(self.groups):
            for kept in group:
                kept.process.ask_to_stop()
            deadline = time.monotonic() + max((kept.process.program.stop_within_s for kept in group), default=0)
            for kept in group:
                kept.process.wait_for_end(max(0.0, deadline - time.monotonic()))
        self.groups.clear()

    def _await(self, kept: Kept) -> None:
        kept.process.wait_until_ready(give_up=lambda: self.is_stopping)
        if self.is_stopping:
            raise Stopped
        program = kept.process.program
        self.say(f"{program.name} {'is ready' if program.is_ready else 'started'}.")

    def _look_after(self, kept: Kept) -> None:
        if kept.restart_at is not None:
            if time.monotonic() >= kept.restart_at:
                self._start_again(kept)
            return
        if kept.process.exit_code() is None:
            return

        if kept.process.age_s > STEADY_S:
            kept.deaths = 0
        self._plan_restart(kept, ending(kept.process.exit_code()))

    def _start_again(self, kept: Kept) -> None:
        # What it left running of itself must not hold its port or its files.
        kept.process.kill()
        try:
            kept.process = Process(kept.process.program)
        except OSError as error:
            self._plan_restart(kept, f"could not be started ({error})")
        else:
            kept.restart_at = None

    def _plan_restart(self, kept: Kept, why: str) -> None:
        kept.deaths += 1
        pause = pause_before(kept.deaths)
        kept.restart_at = time.monotonic() + pause
        program = kept.process.program
        log = f" Log: {program.log}" if program.log else ""
        self.say(f"{program.name} {why}; starting it again in {pause:.0f} s.{log}")
        free = shutil.disk_usage(self.home).free
        if free < NEARLY_FULL_BYTES:
            self.say(f"The disk under {self.home} is nearly full ({free // 1_000_000} MB free). Free some room.")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.is_stopping:
            self._kill_all()
        self.is_stopping = True

    def _kill_all(self) -> None:
        for group in self.groups:
            for kept in group:
                kept.process.kill()


def pause_before(deaths: int) -> float:
    """Seconds before the next start: none after the first death, then doubling from 1 to LONGEST_PAUSE_S."""
    return 0 if deaths <= 1 else float(min(LONGEST_PAUSE_S, 2 ** (deaths - 2)))
