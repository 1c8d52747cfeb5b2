"""Tandem's own processes: web, worker, scheduler. The same three that deploy/Procfile names for other hosts."""

from __future__ import annotations

import sys
from urllib.error import URLError
from urllib.request import urlopen

from config.env import ROOT, Env
from config.processes import Program

WORKER_THREADS = 512


def own_programs(env: Env) -> list[Program]:
    return [web(env), worker(env), scheduler(env)]


def web(env: Env) -> Program:
    return _python(env, "web", ["manage.py", "web"], port=env.port)


def worker(env: Env) -> Program:
    celery = f"--pool threads --concurrency {WORKER_THREADS} --queues interactive,normal,bulk --loglevel warning"
    quiet = "--without-gossip --without-mingle --without-heartbeat"
    return _python(env, "worker", ["-m", "celery", "-A", "config.celery", "worker", *celery.split(), *quiet.split()])


def scheduler(env: Env) -> Program:
    return _python(env, "scheduler", ["manage.py", "scheduler", "--skip-checks"])


def command(env: Env, *arguments: str) -> Program:
    """A command of manage.py that does its work and ends; what it prints goes to our own terminal."""
    return _python(env, arguments[0], ["manage.py", *arguments], has_log=False)


def _python(env: Env, name: str, arguments: list[str], *, port: int | None = None, has_log: bool = True) -> Program:
    return Program(
        name=name,
        command=[sys.executable, *arguments],
        log=env.log / f"{name}.log" if has_log else None,
        cwd=ROOT,
        env={"TANDEM_HOME": str(env.home), "TANDEM_NO_BOOTSTRAP": "1", "PYTHONUNBUFFERED": "1", **_kept_from(name)},
        is_ready=(lambda: _answers(port)) if port else None,
    )


def _kept_from(name: str) -> dict[str, str]:
    """What seals the ledger is for the scheduler alone (rule A5); metrics of its own are the worker's."""
    seals = {"TANDEM_LEDGER_SIGNING_KEYS": ""} if name in ("web", "worker") else {}
    # On one machine they would want the same port.
    return seals | ({"TANDEM_METRICS_LISTEN": ""} if name == "scheduler" else {})


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False
