"""PostgreSQL, Valkey and the practice model as child processes when no address is given."""

from __future__ import annotations

from pathlib import Path


def database_url(home: Path) -> str:
    """Address of the embedded PostgreSQL that keeps its data under `home`."""
    return f"postgresql://postgres@/tandem?host={home}/run"
