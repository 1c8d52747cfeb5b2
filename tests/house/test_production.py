"""H01, H07: settings that are not safe do not start where others can reach them, and say all that is wrong."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from config import env, key_rings, production
from config.env import ROOT, BadSetting
from config.role import problem_of_role
from tests.faults.stack import database_url

RIGHT = {
    **dict(line.split("=", 1) for line in key_rings.new_keys().splitlines()),
    "TANDEM_URL": "https://tandem.example.org",
    "ALLOWED_HOSTS": "tandem.example.org",
    "TANDEM_TRUSTED_PROXY": "10.0.0.2",
    "DATABASE_URL": "postgresql://tandem:uNguessable-71@db.example.org/tandem",
    "CELERY_BROKER_URL": "rediss://:uNguessable-72@broker.example.org/0",
}
"""What a team sets."""
OURS = (*RIGHT, "TANDEM_HOME", "TANDEM_BIND", "TANDEM_DEBUG", "TANDEM_PRODUCTION", "TANDEM_ADMIN_SECOND_FACTOR")

WRONG = [
    ({"SECRET_KEY": ""}, "SECRET_KEY is not set"),
    ({"SECRET_KEY": "a-short-one"}, "SECRET_KEY is short"),
    ({"SECRET_KEY": "ab" * 40}, "SECRET_KEY is short"),
    ({"SECRET_KEY": "django-insecure-" + "abcdefgh" * 8}, "SECRET_KEY is short"),
    ({"TANDEM_VAULT_KEYS": ""}, "TANDEM_VAULT_KEYS is not set"),
    ({"TANDEM_LEDGER_KEYS": ""}, "TANDEM_LEDGER_KEYS is not set"),
    ({"TANDEM_DEBUG": "1"}, "TANDEM_DEBUG shows"),
    ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS does not say"),
    ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS does not say"),
    ({"TANDEM_URL": "http://tandem.example.org"}, "TANDEM_URL is not an https:// address"),
    ({"TANDEM_TRUSTED_PROXY": ""}, "TANDEM_TRUSTED_PROXY does not name"),
    ({"DATABASE_URL": "", "TANDEM_PRODUCTION": "1"}, "the built-in PostgreSQL works as its superuser"),
    ({"DATABASE_URL": "postgresql://tandem@db.example.org/tandem"}, "DATABASE_URL has no password"),
    ({"DATABASE_URL": "postgresql://tandem@/tandem?host=db.example.org"}, "DATABASE_URL has no password"),
    ({"DATABASE_URL": "postgresql://ops:ops@db.example.org/tandem"}, "DATABASE_URL has a password that anybody"),
    ({"DATABASE_URL": "postgresql://ops:Postgres@db.example.org/tandem"}, "DATABASE_URL has a password that anybody"),
    ({"DATABASE_URL": "postgresql://db.example.org/tandem?user=ops&password=postgres"}, "has a password that anybody"),
    ({"TANDEM_URL": "tandem.example.org", "ALLOWED_HOSTS": "localhost"}, "TANDEM_URL is not an https:// address"),
    ({"TANDEM_ADMIN_SECOND_FACTOR": "waived"}, "TANDEM_ADMIN_SECOND_FACTOR is waived"),
    ({"CELERY_BROKER_URL": ""}, "CELERY_BROKER_URL is not set"),
    ({"CELERY_BROKER_URL": "redis://broker.example.org/0"}, "CELERY_BROKER_URL has no password"),
    ({"CELERY_BROKER_URL": "redis://:foobared@10.0.0.9/0"}, "CELERY_BROKER_URL has a password that anybody"),
    ({"CELERY_BROKER_URL": "amqp://guest:guest@mq.example.org//"}, "CELERY_BROKER_URL has a password that anybody"),
    ({"CELERY_BROKER_URL": "amqp://mq.example.org//"}, "CELERY_BROKER_URL has no password"),
]
FINE = [
    {},
    {"CELERY_BROKER_URL": "redis://127.0.0.1:6379/0"},
    {"CELERY_BROKER_URL": "redis+socket:///run/valkey.sock"},
    {"CELERY_BROKER_URL": "amqp://127.0.0.1//"},
    {"CELERY_BROKER_URL": "amqp://guest:guest@localhost//"},
    {"DATABASE_URL": "postgresql://tandem@/tandem?host=db.example.org&password=uNguessable-73"},
    {"DATABASE_URL": "postgresql://tandem@/tandem?host=/run/postgresql"},
    {"DATABASE_URL": "postgresql://tandem@db.example.org/tandem?sslcert=/etc/tandem/client.crt"},
]
FOR_TRIAL = [
    {"TANDEM_URL": "", "ALLOWED_HOSTS": "", "SECRET_KEY": "", "TANDEM_DEBUG": "1"},
    {"DATABASE_URL": "", "TANDEM_BIND": "0.0.0.0", "SECRET_KEY": ""},
    {"TANDEM_PRODUCTION": "0", "SECRET_KEY": "short"},
]


def given(monkeypatch: pytest.MonkeyPatch, home: Path, **changed: str) -> env.Env:
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    for name, value in {**RIGHT, "TANDEM_HOME": str(home), **changed}.items():
        monkeypatch.setenv(name, value)
    return env.read()


def test_each_thing_that_is_not_safe_is_named_and_nothing_else(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    for changed, sentence in WRONG:
        asked = given(monkeypatch, home, **changed)
        found = list(production.problems(asked))
        assert len(found) == 1, (changed, found)
        assert sentence in found[0]
        assert all(len(value) < 4 or value not in found[0] for name, value in changed.items() if "KEY" in name)
        with pytest.raises(BadSetting, match="does not start"):
            production.require_safe(asked)


def test_what_is_safe_starts_and_so_does_a_trial_that_nobody_reaches(
    monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    for changed in (*FINE, *FOR_TRIAL):
        production.require_safe(given(monkeypatch, home, **changed))
    assert production.is_production(given(monkeypatch, home))
    assert not any(production.is_production(given(monkeypatch, home, **changed)) for changed in FOR_TRIAL)
    with pytest.raises(BadSetting, match="TANDEM_DEBUG"):
        production.require_safe(given(monkeypatch, home, DATABASE_URL="", TANDEM_BIND="0.0.0.0", TANDEM_DEBUG="1"))
    with pytest.raises(BadSetting, match="TANDEM_LEDGER_SIGNING_KEYS"):
        production.require_signing_keys(given(monkeypatch, home, TANDEM_LEDGER_SIGNING_KEYS=""))


def manage(home: Path, *arguments: str, **changed: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if name not in OURS and "SETTINGS" not in name}
    environment = {**kept, **RIGHT, "TANDEM_HOME": str(home), "TANDEM_NO_BOOTSTRAP": "1", **changed}
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=100)


def test_djangos_own_check_of_a_deployment_finds_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_ALLOW_ASYNC_UNSAFE", raising=False)  # which a test in a browser has left behind
    checked = manage(home, "check", "--deploy", "--fail-level", "WARNING")

    assert (checked.returncode, checked.stderr.count("WARNING")) == (0, 0), checked.stderr


def test_only_a_plain_role_of_the_database_will_do(db: None) -> None:
    assert "a superuser of PostgreSQL" in problem_of_role()
    with connection.cursor() as cursor:
        for rights, sentence in (("BYPASSRLS", "a role that passes row security"), ("NOBYPASSRLS", "")):
            cursor.execute(f"CREATE ROLE one_{rights} NOSUPERUSER {rights}; SET LOCAL ROLE one_{rights}")
            assert sentence in (found := problem_of_role())
            assert bool(found) == bool(sentence)
            cursor.execute("RESET ROLE")


def test_the_refusal_is_the_one_text_that_is_printed(db: None, home: Path) -> None:
    refused = manage(home, "web", SECRET_KEY="short", ALLOWED_HOSTS="*")
    assert refused.returncode == 1
    assert "these 2 things are not safe" in refused.stderr
    assert "Traceback" not in refused.stderr

    refused = manage(home, "scheduler", DATABASE_URL=database_url())
    assert refused.returncode == 1
    assert "a superuser of PostgreSQL" in refused.stderr
