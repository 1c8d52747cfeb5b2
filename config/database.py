"""DATABASE_URL → Django's settings for it. PostgreSQL everywhere: there is one code path."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from config import embedded
from config.env import BadSetting, Env


def settings_for(env: Env) -> dict[str, Any]:
    """Raises BadSetting when the address is not one of PostgreSQL."""
    url = env.database_url or embedded.database_url(env.home)
    parts = urlsplit(url)
    if parts.scheme not in ("postgres", "postgresql"):
        raise BadSetting(
            f"DATABASE_URL begins with {parts.scheme!r}; Tandem needs postgresql://user:password@host/name."
        )

    options = dict(parse_qsl(parts.query))
    prepared = options.pop("prepare_threshold", "5")
    return {
        "ENGINE": "config.postgres",
        "NAME": unquote(parts.path.lstrip("/")) or "tandem",
        "USER": options.pop("user", "") or unquote(parts.username or ""),
        "PASSWORD": options.pop("password", "") or unquote(parts.password or ""),
        "HOST": options.pop("host", "") or parts.hostname or "",
        "PORT": str(parts.port or options.pop("port", "")),
        "CONN_MAX_AGE": 0,
        "OPTIONS": {
            **options,
            # A thread that waits for a model gives its connection back to the pool (house.md, engine).
            "pool": {"min_size": 1, "max_size": 20, "timeout": 5, "max_idle": 300},
            # Only the engine's own statements are prepared (workflows/runtime/sql.py).
            "prepare_threshold": int(prepared) or None,
            "options": "-c statement_timeout=15s -c lock_timeout=3s -c idle_in_transaction_session_timeout=30s"
            # Prepared statements are planned once, perhaps while the tables are nearly empty: a plan that reads a whole
            # table would stay when it has grown. Each of them has its index; where there is none, nothing changes.
            " -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c random_page_cost=1.1 -c jit=off",
            # A line that a firewall forgot is given up in seconds, not in TCP's quarter of an hour.
            "tcp_user_timeout": 5000,
            "keepalives_idle": 30,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "connect_timeout": 5,
        },
    }
