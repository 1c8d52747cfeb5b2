"""What a measurement gives, and what it is compared with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from statistics import median

UNITS: dict[str, str] = {
    "db_commits_per_s": "1/s",
    "broker_round_trips_per_s": "1/s",
    "local_runs_per_s": "1/s",
    "start_50_p95_ms": "ms",
    "start_to_visible_p50_ms": "ms",
    "start_to_visible_p99_ms": "ms",
    "effect_steps_per_s": "1/s",
    "items_1000_s": "s",
    "items_10000_s": "s",
    "items_growth": "",
    "model_500_s": "s",
    "model_500_peak_rss_mib": "MiB",
    "idle_rss_mib": "MiB",
    "start_up_s": "s",
    "commits_per_run": "",
    "statements_per_run": "",
    "messages_per_run": "",
    "page_run_p95_ms": "ms",
    "page_build_p95_ms": "ms",
    "edit_50_p95_ms": "ms",
    "edit_300_p95_ms": "ms",
    "decide_1000_p95_ms": "ms",
    "waiting_100000_cpu_percent": "%",
    "timers_100000_s": "s",
    "timers_new_run_p95_s": "s",
    "hooks_taken_per_s": "/s",
    "hooks_p99_ms": "ms",
    "guard_ms": "ms",
    "scrub_500_ms": "ms",
    "scrub_10000_ms": "ms",
    "rotate_10000_s": "s",
    "ledger_cost_percent": "%",
    "ledger_verify_s": "s",
    "admin_lists_p95_ms": "ms",
}
"""Every figure, in the order of the table."""

Values = Mapping[str, float]
Limit = Callable[[Values], float | None]


def _commits(values: Values) -> float | None:
    return values.get("db_commits_per_s")


def _runs(values: Values) -> float | None:
    """What the database's commits alone would allow."""
    commits, per_run = values.get("db_commits_per_s"), values.get("commits_per_run")
    return commits / per_run if commits and per_run else commits


def _round_trip(values: Values) -> float | None:
    """Two round trips over HTTP to a server that does nothing: one to start, one to look."""
    empty = values.get("http_empty_p50_ms")
    return 2 * empty if empty else None


def _empty_page(values: Values) -> float | None:
    return values.get("http_empty_p95_ms")


def _commit_each(items: int) -> Limit:
    def seconds(values: Values) -> float | None:
        commits = _commits(values)
        return items / commits if commits else None

    return seconds


def _one_answer(values: Values) -> float | None:
    """All 500 at once."""
    return 1.0


LIMITS: dict[str, tuple[str, Limit]] = {
    "local_runs_per_s": ("db_commits_per_s / commits_per_run", _runs),
    "effect_steps_per_s": ("db_commits_per_s", _commits),
    "start_to_visible_p50_ms": ("two empty requests, p50", _round_trip),
    "start_to_visible_p99_ms": ("two empty requests, p50", _round_trip),
    "items_1000_s": ("a commit for each item", _commit_each(1_000)),
    "items_10000_s": ("a commit for each item", _commit_each(10_000)),
    "model_500_s": ("the one second that the model takes", _one_answer),
    "page_run_p95_ms": ("an empty request, p95", _empty_page),
    "page_build_p95_ms": ("an empty request, p95", _empty_page),
    "edit_50_p95_ms": ("an empty request, p95", _empty_page),
    "edit_300_p95_ms": ("an empty request, p95", _empty_page),
    "decide_1000_p95_ms": ("an empty request, p95", _empty_page),
}
"""Figure → the limit that it is compared with, in words and as a number out of the medians of the same run."""


@dataclass(frozen=True)
class Figure:
    """One line of the table. `of_limit` is value / limit, None where there is no limit to compare with."""

    name: str
    value: float
    unit: str
    spread: tuple[float, float]
    of_limit: float | None


def figures(taken: Mapping[str, list[float]]) -> list[Figure]:
    """Medians of what the repetitions gave. Names outside UNITS are limits to compare with, not figures."""
    values = {name: median(each) for name, each in taken.items() if each}
    return [_figure(name, values, taken[name]) for name in UNITS if name in values]


def percentile(values: list[float], percent: float) -> float:
    """The smallest value that at least `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, ceil(len(ordered) * percent / 100) - 1)]


def _figure(name: str, values: Values, taken: list[float]) -> Figure:
    limit = LIMITS[name][1](values) if name in LIMITS else None
    return Figure(
        name=name,
        value=_rounded(values[name]),
        unit=UNITS[name],
        spread=(_rounded(min(taken)), _rounded(max(taken))),
        of_limit=_rounded(values[name] / limit) if limit else None,
    )


def _rounded(value: float) -> float:
    """Four digits say all that a measurement knows."""
    return float(f"{value:.4g}")
