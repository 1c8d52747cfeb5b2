"""`python -m verify [SOURCE] --public-keys FILE --anchors FILE`: exit 0 nothing found, 1 something, 2 cannot look."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from . import bundle, words
from .checking import Report, verify
from .sources import CannotRead, Connection, Source, opened
from .trust import Trust, anchors, key_ring, keys

ALL_WELL, FOUND, COULD_NOT = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="verify", description="Verify Tandem's ledger, without Tandem.")
    add_arguments(parser)
    return perform(parser.parse_args(arguments))


def perform(given: argparse.Namespace) -> int:
    """The exit code."""
    try:
        return _self_test(given) if given.self_test else _verify(given)
    except CannotRead as problem:
        print(problem, file=sys.stderr)
        return COULD_NOT


def _verify(given: argparse.Namespace) -> int:
    began = time.monotonic()
    trust = _trust(given)
    if given.source and bundle.is_bundle(given.source):
        return _of_bundle(given, trust)
    report = verify(_source(given.source), trust, accept_set_back=given.accept_set_back)
    if report.batches and not trust.public:
        raise CannotRead(f"Without the public keys no seal can be verified: {given.public_keys} is not there.")
    print(_as_json(report, time.monotonic() - began) if given.as_json else "\n".join(words.told(report)))
    return FOUND if report.findings.count else ALL_WELL


def _of_bundle(given: argparse.Namespace, trust: Trust) -> int:
    problems, lines = bundle.verify_bundle(Path(given.source), trust)
    print(json.dumps({"findings": problems}) if given.as_json else "\n".join([*lines, *problems]))
    return FOUND if problems else ALL_WELL


def _self_test(given: argparse.Namespace) -> int:
    import psycopg

    from .self_test import self_test

    try:
        with psycopg.connect(given.source or "", options="-c statement_timeout=0 -c timezone=UTC") as connection:
            outcomes = list(self_test(connection))
    except psycopg.Error as error:
        raise CannotRead(f"No copy to test on could be made: {str(error).strip()}") from None
    for outcome in outcomes:
        print(f"{'as it must be' if outcome.found else 'MISSED':14}{outcome.name}: {outcome.said}")
    missed = sum(not outcome.found for outcome in outcomes)
    print(f"{len(outcomes) - 1} manipulations, {missed} missed.")
    return FOUND if missed else ALL_WELL


def _source(given: str) -> Source:
    if not given or "://" in given or "dbname=" in given:
        return Connection.to(given)
    return opened(Path(given))


def _trust(given: argparse.Namespace) -> Trust:
    path = Path(given.public_keys)
    public = keys(path) if path.exists() else {}  # a ledger that was never sealed needs none
    codes = None
    if given.code_keys.startswith("env:"):
        name = given.code_keys.removeprefix("env:")
        codes = key_ring(os.environ.get(name, ""), name)
    elif given.code_keys:
        codes = keys(Path(given.code_keys))
    return Trust(public, anchors([Path(each) for each in given.anchors], public), codes)


def _as_json(report: Report, took_s: float) -> str:
    told = {
        "entries": report.entries,
        "sealed": report.sealed,
        "batches": report.batches,
        "words": report.words,
        "words_compared": report.compared,
        "words_erased": report.erased,
        "anchored": report.anchored,
        "anchored_at": report.anchored_at.isoformat() if report.anchored_at else None,
        "count": report.findings.count,
        "findings": [f"[{kind}] {sentence}" for kind, sentence in report.findings.told],
        "proved": list(words.proved(report)),
        "not_proved": list(words.not_proved(report)),
        "took_s": round(took_s, 3),
    }
    return json.dumps(told)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        nargs="?",
        default=os.environ.get("DATABASE_URL", ""),
        help="postgresql://… (DATABASE_URL, or PGHOST and its sisters), or a file: a plain dump, an export, a bundle",
    )
    parser.add_argument("--public-keys", default="ledger-public-keys", help="public keys of the sealer")
    parser.add_argument("--anchors", nargs="*", default=[], help="files or folders with anchors")
    parser.add_argument(
        "--code-keys", default="", help="keys of the entries' codes, if you may have them; env:NAME too"
    )
    parser.add_argument("--accept-set-back", action="store_true", help="you know that the database was restored")
    parser.add_argument("--self-test", action="store_true", help="tamper with a copy in many ways and find each")
    parser.add_argument("--json", action="store_true", dest="as_json", help="for programs")


if __name__ == "__main__":
    sys.exit(main())
