"""Every measurement: what is started, when the clock starts and stops, what comes of it."""

from __future__ import annotations

from typing import Any

import psycopg

from bench import counts, hooks, machine, people, resting, safety, timers
from bench.bench import Bench, Measurement, Values
from bench.figures import percentile
from bench.groups import MemoryPeak
from bench.stack import OWN, CannotMeasure
from bench.steps.bench_append import FILE
from bench.workflows import DEFINITIONS


def limits(bench: Bench) -> Values:
    """What the machine can do without us."""
    seconds = bench.sizes.limit_s
    return {
        "db_commits_per_s": machine.commits_per_s(bench.stack, seconds),
        "db_commits_one_client_per_s": machine.commits_per_s(bench.stack, seconds, clients=1),
        "broker_round_trips_per_s": machine.round_trips_per_s(bench.stack, seconds),
        **_empty_requests(bench),
    }


def local_runs(bench: Bench) -> Values:
    """From the first start over HTTP until the last run is stored as succeeded."""
    count = bench.sizes.local_runs
    with bench.phase("ten local steps", count) as phase:
        started = bench.start_runs(phase, "ten", count)
    return {"local_runs_per_s": count / started.took_s, "starts_per_s": count / started.starting_s}


def paced_starts(bench: Bench) -> Values:
    """So many starts a second, as other programs send them: how long each waits for its answer."""
    rate, seconds = bench.sizes.starts
    job = {"do": "storm", "target": bench.stack.target("three"), "inputs": {"topic": "one"}, "connections": 8}
    with bench.phase("three local steps, paced", int(rate * seconds)) as phase:
        got = bench.stack.ask({**job, "rate": rate, "over_s": seconds})
        phase.cpu_s["load"] = got["cpu_s"]
    if set(got["statuses"]) != {"201"}:
        raise CannotMeasure(f"Starts were answered with {got['statuses']}.")
    took = [each * 1000 for each in got["took_s"]]
    bench.notes["start_50_p95_ms"] = f"{got['sent']} starts, p50 {percentile(took, 50):.1f} ms"
    return {"start_50_p95_ms": percentile(took, 95)}


def start_to_visible(bench: Bench) -> Values:
    """One run at a time on a server that rests otherwise; then the same with one question that waits for the end."""
    job = {"do": "visible", "targets": [bench.stack.target("three")], "inputs": {"topic": "one"}, "pause_s": 0.02}
    with bench.phase("three local steps, one by one", bench.sizes.visible) as phase:
        polled = bench.stack.ask({**job, "count": bench.sizes.visible})
        phase.cpu_s["load"] = polled["cpu_s"]
    waited = bench.stack.ask({**job, "count": min(50, bench.sizes.visible), "wait_s": 10})
    took = _ms(polled["took_s"])
    bench.notes["start_to_visible_p50_ms"] = (
        f"asked again without a pause, {polled['asked'] / len(took):.1f} questions a run; the start alone is answered "
        f"after {_both(polled['accepted_s'])}; with one question ?wait_s=10 instead: {_both(waited['took_s'])}"
    )
    return {"start_to_visible_p50_ms": percentile(took, 50), "start_to_visible_p99_ms": percentile(took, 99)}


def effect_steps(bench: Bench) -> Values:
    """Each step appends one line to a file. Raises CannotMeasure unless every line is there exactly once."""
    runs, steps = bench.sizes.effect_runs, len(DEFINITIONS["effects"]["steps"])
    file = bench.stack.env.home / FILE
    file.unlink(missing_ok=True)
    with bench.phase(f"{steps} effects", runs) as phase:
        started = bench.start_runs(phase, "effects", runs)
    lines = file.read_text().splitlines()
    if len(lines) != runs * steps or len(set(lines)) != len(lines):
        raise CannotMeasure(f"{runs * steps} effects left {len(lines)} lines, {len(set(lines))} of them different.")
    bench.notes["effect_steps_per_s"] = f"{len(lines)} lines of {runs} runs with {steps} effects, each exactly once"
    return {"effect_steps_per_s": runs * steps / started.took_s}


def items(bench: Bench) -> Values:
    """One run over a short and one over a long list, each from its start until it has succeeded."""
    few, many = (_over_items(bench, count) for count in bench.sizes.items)
    return {"items_1000_s": few, "items_10000_s": many, "items_growth": many / few}


def model_waits(bench: Bench) -> Values:
    """Runs that each ask a model which answers after a second, all started at once."""
    count = bench.sizes.model_runs
    groups = bench.stack.groups()
    with bench.phase("one answer of a model", count) as phase, MemoryPeak(*(groups[name] for name in OWN)) as peak:
        started = bench.start_runs(phase, "model", count, departments=bench.sizes.departments)
    bench.notes["model_500_s"] = (
        f"{count} runs over {bench.sizes.departments} departments; "
        f"the last start was answered after {started.starting_s:.2f} s"
    )
    bench.notes["model_500_peak_rss_mib"] = f"PSS {peak.pss_mib:.0f} MiB"
    return {"model_500_s": started.took_s, "model_500_peak_rss_mib": peak.rss_mib}


def pages(bench: Bench) -> Values:
    """The page of a run with fifty steps and the page on which its workflow is built, signed in, one by one."""
    workflow = bench.stack.target("fifty")["workflow"]
    with bench.phase("fifty local steps", 1) as phase:
        (run,) = bench.start_runs(phase, "fifty", 1).ids
    build = bench.stack.seeded.build_page
    if not build:
        bench.notes["page_build_p95_ms"] = "there is no page for building yet: this is the workflow's own page"
    return {
        "page_run_p95_ms": _page_ms(bench, "run page", f"/runs/{run}/"),
        "page_build_p95_ms": _page_ms(bench, "build page", (build or "/workflows/{id}/").replace("{id}", workflow)),
    }


def edits(bench: Bench) -> Values:
    """One edit after the other on the build page of a workflow of 50 steps and of one of 300, with all it answers."""
    return {f"edit_{steps}_p95_ms": _edits_ms(bench, steps, name) for steps, name in EDITED.items()}


EDITED = {50: "fifty", 300: "three_hundred"}
AT_REST = (
    Measurement(("start_up_s",), resting.start_up),
    Measurement(("idle_rss_mib",), resting.idle),
)
UNDER_LOAD = (
    Measurement((), limits),
    Measurement(("start_to_visible_p50_ms", "start_to_visible_p99_ms"), start_to_visible),
    Measurement(("commits_per_run", "statements_per_run", "messages_per_run"), counts.per_run),
    Measurement(("local_runs_per_s",), local_runs),
    Measurement(("start_50_p95_ms",), paced_starts),
    Measurement(("effect_steps_per_s",), effect_steps),
    Measurement(("model_500_s", "model_500_peak_rss_mib"), model_waits),
    Measurement(("page_run_p95_ms", "page_build_p95_ms"), pages),
    Measurement(("edit_50_p95_ms", "edit_300_p95_ms"), edits),
    Measurement(("decide_1000_p95_ms",), people.decisions),
    Measurement(("items_1000_s", "items_10000_s", "items_growth"), items),
    Measurement(("waiting_100000_cpu_percent",), people.waiting),
    Measurement(("timers_100000_s", "timers_new_run_p95_s"), timers.due_at_once),
    Measurement(("hooks_taken_per_s", "hooks_p99_ms"), hooks.storm),
    Measurement(("guard_ms",), safety.guard),
    Measurement(("scrub_500_ms", "scrub_10000_ms"), safety.scrubbing),
    Measurement(("rotate_10000_s",), safety.rotation),
    Measurement(("ledger_cost_percent",), safety.ledger_cost),
    Measurement(("ledger_verify_s",), safety.ledger_verification),
    Measurement(("admin_lists_p95_ms",), safety.admin_lists),
)
"""In their order. The limits are measured in every benchmark: the other figures are compared with them."""


def _over_items(bench: Bench, count: int) -> float:
    texts = [f"press mention number {number}" for number in range(count)]
    with bench.phase(f"each of {count:,} items", count) as phase:
        started = bench.start_runs(phase, "items", 1, inputs={"texts": texts})
    if (found := _output(bench, started.ids[0])) != {"count": count}:
        raise CannotMeasure(f"A run over {count} items gave {found}.")
    return started.took_s


def _output(bench: Bench, run: str) -> Any:
    with psycopg.connect(bench.stack.database_url) as connection:
        row = connection.execute("SELECT output FROM workflows_run WHERE id = %s", [run]).fetchone()
    return row[0] if row else None


def _page_ms(bench: Bench, name: str, path: str) -> float:
    count = bench.sizes.pages
    with bench.phase(name, count) as phase:
        got = bench.stack.ask({"do": "pages", "path": path, "cookie": bench.stack.seeded.cookie, "count": count})
        phase.cpu_s["load"] = got["cpu_s"]
    return percentile(_ms(got["took_s"]), 95)


def _edits_ms(bench: Bench, steps: int, name: str) -> float:
    seeded, count = bench.stack.seeded, bench.sizes.pages
    path = f"{seeded.build_page.replace('{id}', bench.stack.target(name)['workflow'])}edit/"
    job = {"do": "edits", "path": path, "cookie": seeded.cookie, "csrf": seeded.csrf, "steps": steps, "count": count}
    with bench.phase(f"edit of {steps} steps", count) as phase:
        got = bench.stack.ask(job)
        phase.cpu_s["load"] = got["cpu_s"]
    bench.notes[f"edit_{steps}_p95_ms"] = f"{_both(got['took_s'])}; the largest answer had {got['bytes']:,} bytes"
    return percentile(_ms(got["took_s"]), 95)


def _empty_requests(bench: Bench) -> dict[str, float]:
    """What a request costs that asks for nothing: web server and framework alone."""
    got = bench.stack.ask({"do": "pages", "path": "/healthz", "cookie": "", "count": bench.sizes.pages})
    took = _ms(got["took_s"])
    return {"http_empty_p50_ms": percentile(took, 50), "http_empty_p95_ms": percentile(took, 95)}


def _both(seconds: Any) -> str:
    return f"p50 {percentile(_ms(seconds), 50):.1f}, p99 {percentile(_ms(seconds), 99):.1f} ms"


def _ms(seconds: Any) -> list[float]:
    return [each * 1000 for each in seconds]
