"""Each command, and what it writes into the ledger (case A22)."""

from __future__ import annotations

import io
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command, get_commands

from config.key_rings import SigningKeys, VaultKeys
from departments import erasures
from departments.models import Role
from tests import factories
from tests.deeds import leaves, listed
from tests.workflows.runtime.harness import published, silent_broker

pytestmark = pytest.mark.django_db
SAYS = {"id": "says", "kind": "text.compose", "with": {"text": "Good morning."}}
OURS = {"audit", "config", "connectors", "departments", "workflows"}


def test_every_command_has_a_line_and_leaves_what_it_names(
    tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.VAULT_KEYS, settings.LEDGER_SIGNING_KEYS = (
        kind(replace(settings.ENV, home=tmp_path)) for kind in (VaultKeys, SigningKeys)
    )
    monkeypatch.setattr(erasures, "_file", lambda: tmp_path / "erased-people")
    legal = factories.make_department("Legal")
    lea, tom = factories.make_user("Lea", legal, Role.MANAGER), factories.make_user("Tom", legal)
    workflow = published([SAYS], legal)
    known = {way.removeprefix("command ") for way in listed() if way.startswith("command ")}
    assert known == {name for name, app in get_commands().items() if app in OURS}

    given: dict[str, tuple[Any, ...]] = {
        "create_token": ("--department", "legal", "--role", "viewer", "--name", "Archive"),
        "sign_in_link": (lea.email,),
        "manual_mode": ("on", "legal", "--reason", "The provider is away."),
        "run_workflow": (f"legal/{workflow.slug}",),
        "deactivate_person": (tom.email, "--to", lea.email),
        "erase_person": (tom.email, "--reason", "Asked for", "--yes"),
        "seed": (),
        "rotate_vault_key": (),
        "rotate_ledger_key": ("seals",),
    }
    for name, words in given.items():
        with silent_broker(), leaves(f"command {name}"), suppress(SystemExit):
            call_command(name, *words, stdout=io.StringIO())
