"""What the benchmark says: tables for people, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import asdict
from statistics import median
from typing import Any

from bench.counts import PerRun
from bench.figures import LIMITS, Figure
from bench.groups import Phase
from bench.measuring import Result

Row = tuple[str, ...]

COLUMNS = ("load", "web", "worker", "scheduler", "postgres", "broker", "others")
STATEMENTS_SHOWN = 40
IDLE = ("info", "brpop", "ping")
"""Commands that the broker gets without any run."""


def tables(result: Result) -> str:
    """The figures, then who used the cores, then what single runs asked of the database."""
    parts = [_machine(result.machine), _figures(result.figures), _notes(result), _cpu(result.bench.phases)]
    return "\n\n".join(part for part in [*parts, *_statements(result)] if part)


def as_json(result: Result) -> str:
    machine = {
        **result.machine,
        "notes": result.bench.notes,
        "compared_with": {name: words for name, (words, _) in LIMITS.items()},
        "measured_beside": {name: values for name, values in result.bench.taken.items() if name in BESIDE},
        "cpu_by_process": [asdict(phase) for phase in _medians(result.bench.phases)],
    }
    return json.dumps({"machine": machine, "figures": [asdict(each) for each in result.figures]}, indent=2)


BESIDE = ("db_commits_one_client_per_s", "http_empty_p50_ms", "http_empty_p95_ms", "starts_per_s")


def _machine(machine: dict[str, Any]) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in machine["postgres_settings"].items())
    processes = ", ".join(f"{count} {name}" for name, count in machine["processes"].items())
    load = " / ".join(str(each) for each in machine["load_average"])
    return (
        f"{machine['date']}  commit {machine['commit']}  {processes}\n"
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_mib']} MiB, {machine['system']}, Python "
        f"{machine['python']}, {machine['broker']}; load before {load}\n"
        f"PostgreSQL {machine['postgres']}: {settings}"
    )


def _figures(figures: list[Figure]) -> str:
    rows: list[Row] = [("figure", "median", "unit", "min – max", "of the limit")]
    for each in figures:
        limit = f"{each.of_limit:g}" if each.of_limit is not None else ""
        rows.append(
            (each.name, _said(each.value), each.unit, f"{_said(each.spread[0])} – {_said(each.spread[1])}", limit)
        )
    return _aligned(rows)


def _notes(result: Result) -> str:
    shown = {each.name for each in result.figures}
    beside = {name: median(values) for name, values in result.bench.taken.items() if name in BESIDE}
    told = [f"{name}: {text}" for name, text in result.bench.notes.items() if name in shown]
    return "\n".join([*told, "beside: " + ", ".join(f"{name} {_said(value)}" for name, value in beside.items())])


def _cpu(phases: list[Phase]) -> str:
    rows: list[Row] = [("CPU ms per run", "runs", "s", *COLUMNS[:-1], "all of ours", "others' cores")]
    for phase in _medians(phases):
        per_run = {name: phase.cpu_s.get(name, 0.0) * 1000 / max(1, phase.runs) for name in COLUMNS}
        ours = sum(value for name, value in per_run.items() if name not in ("others", "load"))
        others = phase.cpu_s.get("others", 0.0) / phase.wall_s if phase.wall_s else 0.0
        cells = [f"{per_run[name]:.2f}" for name in COLUMNS[:-1]]
        rows.append((phase.name, str(phase.runs), f"{phase.wall_s:.2f}", *cells, f"{ours:.2f}", f"{others:.2f}"))
    return _aligned(rows)


def _medians(phases: list[Phase]) -> list[Phase]:
    """One line per kind of phase: of its repetitions, the middle of each number."""
    same: dict[tuple[str, int], list[Phase]] = defaultdict(list)
    for phase in phases:
        same[phase.name, phase.runs].append(phase)
    return [
        Phase(
            name=name,
            runs=runs,
            wall_s=round(median(each.wall_s for each in found), 3),
            cpu_s={group: round(median(each.cpu_s.get(group, 0.0) for each in found), 3) for group in found[0].cpu_s},
        )
        for (name, runs), found in same.items()
    ]


def _statements(result: Result) -> list[str]:
    return [_told(f"One run of {name}", counted) for name, counted in result.bench.per_run.items()]


def _told(head: str, counted: PerRun) -> str:
    def listed(counts: Counter[str]) -> str:
        return ", ".join(
            f"{name} {count / counted.runs:.2f}" for name, count in counts.most_common() if name not in IDLE
        )

    lines = [
        f"{head}: {counted.commits:.2f} commits that wrote, {counted.transactions:.1f} transactions, "
        f"{counted.statements:.1f} statements, {counted.messages:.2f} messages",
        f"statements by process: {listed(counted.told.by_process)}; commands of the broker: {listed(counted.used)}",
    ]
    most = counted.told.statements.most_common(STATEMENTS_SHOWN)
    return "\n".join([*lines, *(f"{count / counted.runs:8.2f}  {text}" for text, count in most)])


def _said(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def _aligned(rows: list[Row]) -> str:
    """Columns under each other; the first to the left, the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(_placed(row, widths)) for row in rows]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def _placed(row: Row, widths: list[int]) -> list[str]:
    first, *others = row
    return [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(others, widths[1:], strict=True))]
