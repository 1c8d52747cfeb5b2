"""What the environment says, read once and named in one place. Standard library only."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class BadSetting(Exception):
    """An environment variable that cannot be what it is: its name, what it holds, what is expected."""


@dataclass(frozen=True, slots=True)
class Env:
    """Every variable Tandem listens to; docs/operating.md lists them for people."""

    home: Path
    static: Path | None
    """Where an image has the pages' files already; None: `prepare` makes them under `home`."""
    port: int
    bind: str
    database_url: str
    broker_url: str
    openai_api_key: str = field(repr=False)
    openai_base_url: str
    openai_model: str
    secret_key: str = field(repr=False)
    vault_keys: str = field(repr=False)
    ledger_keys: str = field(repr=False)
    ledger_signing_keys: str = field(repr=False)
    ledger_anchors: str = field(repr=False)  # it may hold the keys of a bucket
    debug: bool
    production: str
    """`1` or `0`; empty: judged by the other settings (config.production)."""
    allowed_hosts: tuple[str, ...]
    public_url: str
    egress_hosts: tuple[str, ...]
    folders: tuple[Path, ...]
    programs: Mapping[str, tuple[str, ...]]
    trusted_proxy: str
    smtp_url: str = field(repr=False)  # it holds a password
    mail_from: str
    metrics_token: str = field(repr=False)
    metrics_listen: str
    log_format: str
    api_per_minute: int
    api_failures_per_minute: int
    files_department_mb: int
    files_person_mb: int
    files_spare_mb: int
    session_idle_minutes: int
    session_hours: int
    admin_second_factor: str

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def embeds_database(self) -> bool:
        return not self.database_url

    @property
    def embeds_broker(self) -> bool:
        return not self.broker_url

    @property
    def embeds_model(self) -> bool:
        return not (self.openai_api_key or self.openai_base_url)


def read() -> Env:
    """Raises BadSetting for a value that cannot be meant."""
    given = os.environ.get
    home = Path(given("TANDEM_HOME") or ROOT / "var").expanduser().resolve()
    return Env(
        home=home,
        static=Path(made).resolve() if (made := given("TANDEM_STATIC", "")) else None,
        port=_port(given("PORT") or "8000"),
        bind=given("TANDEM_BIND") or "127.0.0.1",
        database_url=given("DATABASE_URL", ""),
        broker_url=given("CELERY_BROKER_URL", ""),
        openai_api_key=given("OPENAI_API_KEY", ""),
        openai_base_url=given("OPENAI_BASE_URL", ""),
        openai_model=given("OPENAI_MODEL", ""),
        secret_key=given("SECRET_KEY", ""),
        vault_keys=given("TANDEM_VAULT_KEYS", "").strip(),
        ledger_keys=given("TANDEM_LEDGER_KEYS", "").strip(),
        ledger_signing_keys=given("TANDEM_LEDGER_SIGNING_KEYS", "").strip(),
        ledger_anchors=given("TANDEM_LEDGER_ANCHORS", "").strip(),
        debug=given("TANDEM_DEBUG", "") == "1",
        production=_choice("TANDEM_PRODUCTION", given("TANDEM_PRODUCTION", "").strip(), "", "0", "1"),
        allowed_hosts=_words(given("ALLOWED_HOSTS", "")),
        public_url=given("TANDEM_URL", "").rstrip("/"),
        egress_hosts=_words(given("TANDEM_EGRESS_HOSTS", "")),
        folders=_folders(given("TANDEM_FOLDERS", ""), home),
        programs=_programs(given("TANDEM_PROGRAMS", "")),
        trusted_proxy=given("TANDEM_TRUSTED_PROXY", "").strip(),
        smtp_url=given("SMTP_URL", "").strip(),
        mail_from=given("MAIL_FROM", "").strip(),
        metrics_token=given("TANDEM_METRICS_TOKEN", "").strip(),
        metrics_listen=_address("TANDEM_METRICS_LISTEN", given("TANDEM_METRICS_LISTEN", "").strip()),
        log_format=_choice("TANDEM_LOG_FORMAT", given("TANDEM_LOG_FORMAT") or "plain", "plain", "json"),
        api_per_minute=_number("TANDEM_API_PER_MINUTE", given("TANDEM_API_PER_MINUTE") or "6000"),
        api_failures_per_minute=_number("TANDEM_FAILURES_PER_MINUTE", given("TANDEM_FAILURES_PER_MINUTE") or "60"),
        files_department_mb=_number("TANDEM_FILES_DEPARTMENT_MB", given("TANDEM_FILES_DEPARTMENT_MB") or "50000"),
        files_person_mb=_number("TANDEM_FILES_PERSON_MB", given("TANDEM_FILES_PERSON_MB") or "10000"),
        files_spare_mb=_number("TANDEM_FILES_SPARE_MB", given("TANDEM_FILES_SPARE_MB") or "1000"),
        session_idle_minutes=_number("TANDEM_SESSION_IDLE_MINUTES", given("TANDEM_SESSION_IDLE_MINUTES") or "30"),
        session_hours=_number("TANDEM_SESSION_HOURS", given("TANDEM_SESSION_HOURS") or "12"),
        admin_second_factor=_choice(
            "TANDEM_ADMIN_SECOND_FACTOR", given("TANDEM_ADMIN_SECOND_FACTOR", ""), "", "required", "waived"
        ),
    )


def _port(text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise BadSetting(f"PORT is {text!r}; it must be a number from 1 to 65535.")


def _address(name: str, text: str) -> str:
    found = re.fullmatch(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]]+):([0-9]{1,5})", text)
    if not text or (found and 1 <= int(found[1]) <= 65535):
        return text
    raise BadSetting(f"{name} is {text!r}; it must be HOST:PORT, like 127.0.0.1:9100 or [::1]:9100.")


def _number(name: str, text: str) -> int:
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000_000:
        return int(text)
    raise BadSetting(f"{name} is {text!r}; it must be a whole number, at least 1.")


def _choice(name: str, text: str, *known: str) -> str:
    if text in known:
        return text
    raise BadSetting(f"{name} is {text!r}; it must be {' or '.join(filter(None, known))}.")


def _folders(text: str, home: Path) -> tuple[Path, ...]:
    """Folders of this server that workflows may use; never one that holds the keys and the files of Tandem itself."""
    folders = tuple(map(Path, _words(text)))
    for folder in folders:
        found = folder.resolve()
        if (
            not folder.is_absolute()
            or ".." in folder.parts
            or any(ours.is_relative_to(found) or found.is_relative_to(ours) for ours in (home, ROOT))
        ):
            raise BadSetting(
                f"TANDEM_FOLDERS names {str(folder)!r}. Name whole paths, of folders that are not Tandem's own."
            )
    return folders


def _programs(text: str) -> dict[str, tuple[str, ...]]:
    """Name → command, for `clock=/opt/tools/clock --utc; notes=…`. No shell ever reads them."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, map(str.strip, text.split(";"))):
        name, _, command = entry.partition("=")
        try:
            words = tuple(shlex.split(command))
        except ValueError:
            words = ()
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,39}", name.strip()) or not words:
            raise BadSetting(f"TANDEM_PROGRAMS has {entry!r}. Write NAME=COMMAND, with ; between them.")
        found[name.strip()] = words
    return found


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())
