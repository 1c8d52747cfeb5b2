"""What must be right before others may reach this server. One text names each thing that is not, and what to do.

Secrets are judged here and never repeated.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from config.env import BadSetting, Env

SHORTEST_SECRET, FEWEST_CHARACTERS = 50, 5
"""Django's own measure of a SECRET_KEY (security.W009)."""
DEFAULTS = {
    *("admin", "changeme", "change-me", "example", "foobared", "guest", "password", "postgres", "rabbitmq", "redis"),
    *("root", "secret", "tandem", "test", "valkey"),
}
"""Passwords that stand in manuals and compose files: the first that anybody tries."""
KEY_RINGS = {"TANDEM_VAULT_KEYS": "vault-keys", "TANDEM_LEDGER_KEYS": "ledger-keys"}
MAKE_KEYS = "`python3 manage.py new_keys` prints new ones"


def is_production(env: Env) -> bool:
    """As TANDEM_PRODUCTION says; else whether it has a database of its own and others can reach it."""
    if env.production:
        return env.production == "1"
    return not env.embeds_database and is_reachable(env)


def is_reachable(env: Env) -> bool:
    """Whether the environment names an address by which other machines come here."""
    url = urlsplit(env.public_url if "//" in env.public_url else f"//{env.public_url}").hostname or "localhost"
    return not all(map(is_this_machine, (env.bind, url, *env.allowed_hosts)))


def is_this_machine(host: str) -> bool:
    name = host.strip("[]")
    if name in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def admin_needs_second_factor(env: Env) -> bool:
    """A server that is only tried out, over a database of its own, goes without unless asked otherwise."""
    if is_production(env):
        return True
    if env.admin_second_factor:
        return env.admin_second_factor == "required"
    return not env.embeds_database or env.public_url.startswith("https://")


def require_safe(env: Env) -> None:
    """Raises BadSetting with everything that is not safe."""
    found = list(problems(env)) if is_production(env) else list(_debug(env))
    if found:
        raise BadSetting(told(found))


def require_signing_keys(env: Env) -> None:
    """For the scheduler, which alone seals the ledger. Raises BadSetting."""
    if is_production(env) and not env.ledger_signing_keys and not (env.home / "ledger-signing-keys").exists():
        raise BadSetting(told([f"TANDEM_LEDGER_SIGNING_KEYS is not set for the scheduler; {MAKE_KEYS}."]))


def told(found: list[str]) -> str:
    """The problems as a list for whoever starts it."""
    lines = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(found, start=1))
    what = "this is not safe" if len(found) == 1 else f"these {len(found)} things are not safe"
    return (
        f"Tandem does not start: others can reach it, and {what}.\n\n{lines}\n\n"
        "docs/operating.md explains each under “Before others use it”. For a trial in a network of your own set "
        "TANDEM_PRODUCTION=0."
    )


def problems(env: Env) -> Iterator[str]:
    """A sentence for each setting that must not stand in production, with what to do."""
    yield from _debug(env)
    yield from _secret_key(env)
    yield from _key_rings(env)
    yield from _addresses(env)
    yield from _database(env)
    yield from _broker(env)
    if env.admin_second_factor == "waived":
        yield "TANDEM_ADMIN_SECOND_FACTOR is waived: one password would open the administration. Remove it."


def _debug(env: Env) -> Iterator[str]:
    if env.debug and (is_reachable(env) or is_production(env)):
        yield "TANDEM_DEBUG shows the program and its settings to whoever meets an error. Remove it."


def _secret_key(env: Env) -> Iterator[str]:
    key = env.secret_key
    if not key and not (env.home / "secret-key").exists():
        yield f"SECRET_KEY is not set; each host would make one of its own. Set the same everywhere; {MAKE_KEYS}."
    elif key and is_weak(key):
        yield f"SECRET_KEY is short, or one that anybody can guess: whoever does can sign in as anybody. {MAKE_KEYS}."


def is_weak(key: str) -> bool:
    return len(key) < SHORTEST_SECRET or len(set(key)) < FEWEST_CHARACTERS or key.startswith("django-insecure-")


def _key_rings(env: Env) -> Iterator[str]:
    given = {"TANDEM_VAULT_KEYS": env.vault_keys, "TANDEM_LEDGER_KEYS": env.ledger_keys}
    for name, file in KEY_RINGS.items():
        if not given[name] and not (env.home / file).exists():
            yield f"{name} is not set; what one host seals no other could open. Set the same everywhere; {MAKE_KEYS}."


def _addresses(env: Env) -> Iterator[str]:
    if not env.allowed_hosts or "*" in env.allowed_hosts:
        yield "ALLOWED_HOSTS does not say which names the pages answer to. Name them, like tandem.example.org."
    if not env.public_url.startswith("https://"):
        yield "TANDEM_URL is not an https:// address: sessions would cross the network in clear. Put TLS before it."
    elif not env.trusted_proxy:
        yield "TANDEM_TRUSTED_PROXY does not name the proxy that ends TLS, so no request would count as safe. Name it."


def _database(env: Env) -> Iterator[str]:
    if env.embeds_database:
        yield "DATABASE_URL is not set: the built-in PostgreSQL works as its superuser. Name a server of yours."
        return
    at = urlsplit(env.database_url)
    options = parse_qs(at.query)
    host = options.get("host", [at.hostname or ""])[0]
    password = options.get("password", [""])[0] or unquote(at.password or "")
    proves_otherwise = {"sslcert", "passfile", "service"} & set(options)
    if not password and not host.startswith("/") and not is_this_machine(host) and not proves_otherwise:
        yield "DATABASE_URL has no password: whoever reaches the database reads everything. Give its role one."
    elif password and _is_default(password, at.username):
        yield "DATABASE_URL has a password that anybody can guess. Give its role another one."


def _broker(env: Env) -> Iterator[str]:
    if env.embeds_broker:
        yield "CELERY_BROKER_URL is not set: workers on other hosts would hear nothing. Name a Redis or RabbitMQ."
        return
    at = urlsplit(env.broker_url)
    if "+socket" in at.scheme or is_this_machine(at.hostname or ""):
        return
    password = unquote(at.password or "")
    if not password:
        yield "CELERY_BROKER_URL has no password: anybody on its network may hand out work. Demand one there."
    elif _is_default(password, at.username):
        yield "CELERY_BROKER_URL has a password that anybody can guess. Set another one there."


def _is_default(password: str, user: str | None) -> bool:
    return password.lower() in DEFAULTS or password == unquote(user or "")
