"""What safety costs: scrubbing secrets, a new key over ten thousand of them, the guarded door, the ledger."""

from __future__ import annotations

import subprocess
import sys
import time
from statistics import median

import psycopg

from bench.bench import CONNECTIONS, Bench, Values
from bench.figures import percentile
from bench.groups import Group, Phase, watched
from config.env import ROOT

BLOCKS = 5
SPENDERS = ("web", "postgres", "scheduler")
SEALER_S = 7.0
"""Until the sealer has been there, whether or not there is something for it."""


def scrubbing(bench: Bench) -> Values:
    """A line of 1 MB with 500 secrets known, and with 10,000 (case X11)."""
    few, many = (bench.stack.told("bench.vault", "scrub", count) for count in bench.sizes.secrets)
    for name, told in (("scrub_500_ms", few), ("scrub_10000_ms", many)):
        bench.notes[name] = (
            f"{_spread(told['took_s'])}; made in {told['built_s']:.2f} s; no text without one was changed"
        )
    return {
        "scrub_500_ms": percentile(few["took_s"], 95) * 1000,
        "scrub_10000_ms": percentile(many["took_s"], 95) * 1000,
    }


def rotation(bench: Bench) -> Values:
    """Until every secret is under a new key, with a kill at the half, while they are used (case X09)."""
    count = bench.sizes.secrets[1]
    told = bench.stack.told("bench.vault", "rotate", count)
    bench.notes["rotate_10000_s"] = (
        f"{count} secrets, killed when {told['broken_off_at']} were done, {told['opened_meanwhile']} times opened"
        " meanwhile; all open with the new key alone"
    )
    return {"rotate_10000_s": told["took_s"]}


def guard(bench: Bench) -> Values:
    """What a request through the door takes beyond one without it: lists, names, addresses, limits (rules S1 to S6)."""
    told = bench.stack.told("bench.vault", "guard", bench.sizes.pages, bench.stack.ports[0])
    guarded, plain = (percentile(told[name], 50) * 1000 for name in ("guarded", "plain"))
    bench.notes["guard_ms"] = f"p50 {guarded:.2f} ms with it and {plain:.2f} ms without; 101 hosts on the list"
    return {"guard_ms": guarded - plain}


def ledger_cost(bench: Bench) -> Values:
    """How much more of the cores runs of ten local steps need with the ledger than without it (case A19).

    Started over HTTP, by turns at a web process as it is and at one that writes no deeds. CPU of web, database and
    scheduler until what was written is sealed, as CPU limits throughput; times drift with the neighbours.
    """
    count = bench.sizes.ledger[0] // BLOCKS
    spent: dict[str, list[Phase]] = {"with": [], "without": []}
    with bench.stack.web_without_ledger() as (port, other):
        sides = {"with": (bench.stack.ports[0], bench.stack.groups()["web"]), "without": (port, other)}
        for turn in range(1 + BLOCKS):
            for name, (at, web) in sides.items():
                phase = _block(bench, at, web, count)
                spent[name] += [phase] if turn else []  # the first of each only warms up
    ms = {
        name: {group: median(phase.cpu_s[group] for phase in phases) * 1000 / count for group in SPENDERS}
        for name, phases in spent.items()
    }
    said = ", ".join(f"{group} {ms['with'][group]:.2f} and {ms['without'][group]:.2f}" for group in SPENDERS)
    bench.notes["ledger_cost_percent"] = f"CPU in ms a run, with it and without: {said}"
    whole, without = sum(ms["with"].values()), sum(ms["without"].values())
    return {"ledger_cost_percent": 100 * (whole - without) / whole}


def _block(bench: Bench, port: int, web: Group, count: int) -> Phase:
    """So many runs started there, and what their entries cost the sealer."""
    job = {"do": "start", "targets": [bench.stack.target("ten")], "count": count, "connections": CONNECTIONS}
    with watched(Phase("ledger"), {**bench.stack.groups(), "web": web}) as phase:
        bench.stack.ask({**job, "ports": [port], "inputs": {"topic": "the spring campaign"}})
        time.sleep(SEALER_S)
    return phase


def ledger_verification(bench: Bench) -> Values:
    """Everything that can be verified, of a sealed and anchored ledger in a database of its own (case L12)."""
    count = bench.sizes.ledger[1]
    told = bench.stack.told("bench.ledger", "verify", count, also=_own_database(bench, "bench_ledger"))
    bench.notes["ledger_verify_s"] = (
        f"{count:,} entries in {told['batches']} batches, sealed in {told['sealed_s']:.1f} s; nothing was found"
    )
    return {"ledger_verify_s": told["took_s"]}


def admin_lists(bench: Bench) -> Values:
    """The slowest list of the admin over a year of runs, searched and filtered, in a database of its own."""
    count = bench.sizes.runs
    told = bench.stack.told("bench.admin", count, also=_own_database(bench, "bench_admin"))
    slowest = sorted(told["lists"].items(), key=lambda each: -each[1]["ms"])
    most = max(each["queries"] for each in told["lists"].values())
    said = ", ".join(f"{name} {each['ms']:.0f} ms" for name, each in slowest[:5])
    bench.notes["admin_lists_p95_ms"] = f"{count:,} runs; the slowest: {said}; at most {most} questions to the database"
    return {"admin_lists_p95_ms": slowest[0][1]["ms"]}


def _own_database(bench: Bench, name: str) -> dict[str, str]:
    """A new one, migrated; the variable by which a process finds it."""
    with psycopg.connect(bench.stack.database_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.execute(f"CREATE DATABASE {name}")
    own = {"DATABASE_URL": bench.stack.database_url.replace("/tandem?", f"/{name}?")}
    migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
    subprocess.run(migrate, cwd=ROOT, env={**bench.stack.environment(), **own}, check=True)
    return own


def _spread(seconds: list[float]) -> str:
    return f"p50 {percentile(seconds, 50) * 1000:.1f}, p99 {percentile(seconds, 99) * 1000:.1f} ms"
