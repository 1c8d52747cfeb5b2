"""The front-end libraries: fetched as locked, few files served, nothing from elsewhere."""

from __future__ import annotations

import json
from pathlib import Path

from config import front_end
from config.env import ROOT
from connectors.sdk.registry import discover, discover_connectors


def test_the_lock_file_fixes_every_package_by_digest_and_names_no_address() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_text())

    packages = {name: facts for name, facts in lock["packages"].items() if name}

    assert packages
    assert all(facts["integrity"].startswith("sha512-") for facts in packages.values())
    assert "resolved" not in (ROOT / "package-lock.json").read_text()


def test_every_file_that_the_pages_use_is_collected(built_front_end: Path) -> None:
    vendor = built_front_end / "vendor"
    kinds = [*discover(*front_end.KINDS).values(), *discover_connectors(*front_end.KINDS).values()]
    icons = {kind.icon for kind in kinds if kind.icon}

    assert (vendor / "tabler" / "tabler.min.css").stat().st_size > 100_000
    assert (vendor / "tabler" / "tabler.min.js").exists()
    assert icons <= {path.stem for path in (vendor / "icons").glob("*.svg")}


def test_no_served_file_asks_for_a_file_that_is_not_served(built_front_end: Path) -> None:
    served = [path for path in built_front_end.rglob("*") if path.suffix in (".css", ".js")]

    assert [path.name for path in served if b"sourceMappingURL" in path.read_bytes()] == []


def test_building_again_does_nothing(built_front_end: Path) -> None:
    assert front_end.build(built_front_end) is False
