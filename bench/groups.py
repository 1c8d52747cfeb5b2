"""What groups of processes use: CPU seconds and memory, read from the kernel."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

MIB = 1_048_576


@dataclass(frozen=True)
class Group:
    """Programs with all their children."""

    name: str
    roots: tuple[int, ...]

    def processes(self) -> Iterator[psutil.Process]:
        for pid in self.roots:
            with suppress(psutil.NoSuchProcess):
                root = psutil.Process(pid)
                yield root
                yield from root.children(recursive=True)

    def cpu_s(self) -> float:
        """User and system seconds so far, of ended children too."""
        total = 0.0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                times = process.cpu_times()
                total += times.user + times.system
                if process.pid in self.roots:
                    total += times.children_user + times.children_system
        return total

    def rss_mib(self) -> float:
        """Resident memory; pages that processes share count once for each of them."""
        total = 0
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total / MIB

    def pss_mib(self) -> float | None:
        """Memory with shared pages divided among those who share them; None where the kernel does not say."""
        total = 0
        for process in self.processes():
            with suppress(FileNotFoundError, ProcessLookupError):
                try:
                    total += _pss_kib(process.pid) * 1024
                except PermissionError:
                    return None
        return total / MIB


@dataclass
class Phase:
    """One measurement: how long it took, how many runs were in it, who used the cores. Seconds."""

    name: str
    runs: int = 0
    wall_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    """By group; `load` is the load generator, `others` is what no process of ours used."""


@contextmanager
def watched(phase: Phase, groups: Mapping[str, Group]) -> Iterator[Phase]:
    """Fill the phase with what the groups use meanwhile."""
    before = {name: group.cpu_s() for name, group in groups.items()}
    own, all_cores, began = _own_cpu_s(), _busy_s(), time.monotonic()
    yield phase
    phase.wall_s = time.monotonic() - began
    phase.cpu_s = {name: group.cpu_s() - before[name] for name, group in groups.items()} | phase.cpu_s
    ours = sum(phase.cpu_s.values()) - phase.cpu_s.get("load", 0.0) + _own_cpu_s() - own
    phase.cpu_s["others"] = max(0.0, _busy_s() - all_cores - ours)


class MemoryPeak:
    """The most memory that groups hold together while it is entered, looked at five times a second."""

    EVERY_S = 0.2
    PSS_EVERY = 5
    """Asking for PSS walks the page tables, so it is asked for less often."""

    def __init__(self, *groups: Group) -> None:
        self.groups = groups
        self.rss_mib = 0.0
        self.pss_mib = 0.0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryPeak:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        looks = 0
        while True:
            self.rss_mib = max(self.rss_mib, sum(group.rss_mib() for group in self.groups))
            if looks % self.PSS_EVERY == 0:
                self.pss_mib = max(self.pss_mib, sum(group.pss_mib() or 0.0 for group in self.groups))
            looks += 1
            if self._done.wait(self.EVERY_S):
                return


def _pss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1])
    return 0


def _own_cpu_s() -> float:
    """This process and its children that have ended, the load generator among them."""
    times = psutil.Process().cpu_times()
    return float(times.user + times.system + times.children_user + times.children_system)


def _busy_s() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + getattr(times, "irq", 0) + getattr(times, "softirq", 0))
