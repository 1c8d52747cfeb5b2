"""A storm of webhooks: what is taken is never lost, and what is too much is said at once (case W09)."""

from __future__ import annotations

import psycopg

from bench.bench import Bench, Values
from bench.figures import percentile
from bench.stack import CannotMeasure

CONNECTIONS = 64
TAKEN, TOO_MUCH = ("200", "202"), ("429",)


def storm(bench: Bench) -> Values:
    """Every call is answered with a run or with 429, and each answered with a run has one."""
    rate, seconds = bench.sizes.storm
    job = {
        "do": "storm",
        "path": bench.stack.told("bench.crowd", "hook", 1),
        "rate": rate,
        "over_s": seconds,
        "connections": CONNECTIONS,
    }
    with bench.phase("webhooks", int(rate * seconds)) as phase:
        got = bench.stack.ask(job)
        phase.cpu_s["load"] = got["cpu_s"]
    statuses = {str(status): count for status, count in got["statuses"].items()}
    taken = sum(statuses.get(status, 0) for status in TAKEN)
    if strange := set(statuses) - {*TAKEN, *TOO_MUCH}:
        raise CannotMeasure(f"Webhooks were answered with {', '.join(sorted(strange))}.")
    if (runs := _runs(bench)) != taken:
        raise CannotMeasure(f"{taken} webhooks were taken, and there are {runs} runs of them.")
    took = [each * 1000 for each in got["took_s"]]
    bench.notes["hooks_taken_per_s"] = (
        f"{got['sent']} calls in {got['lasted_s']:.1f} s over {CONNECTIONS} connections: {taken} taken, "
        f"{statuses.get('429', 0)} told to come later, none lost; p50 {percentile(took, 50):.0f} ms"
    )
    return {"hooks_taken_per_s": taken / got["lasted_s"], "hooks_p99_ms": percentile(took, 99)}


def _runs(bench: Bench) -> int:
    with psycopg.connect(bench.stack.database_url) as connection:
        row = connection.execute("SELECT count(*) FROM workflows_run WHERE starter_kind = 'trigger'").fetchone()
    return int(row[0]) if row else 0
