"""The server's own secret: given, or made once and kept beside the data."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress

from config.env import Env


def secret_key(env: Env) -> str:
    """SECRET_KEY from the environment, else the one in TANDEM_HOME/secret-key, made on first use with mode 0600."""
    if env.secret_key:
        return env.secret_key

    path = env.home / "secret-key"
    if not path.exists():
        env.home.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(50))
        # A link, not a rename: of two processes starting at once the first wins and the second reads a whole file.
        with suppress(FileExistsError):
            os.link(draft, path)
        draft.unlink()
    return path.read_text().strip()
