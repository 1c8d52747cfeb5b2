"""From a command line to Django's commands, with a sentence instead of a traceback where a server is not there."""

from __future__ import annotations

import sys

from config import embedded, env, key_rings, production

NEED_NO_DATABASE = {
    *("backup", "restore"),  # they start the built-in one themselves
    *("up", "test", "bench", "check", "help", "version", "diffsettings", "front_end", "collectstatic", "findstatic"),
    *(
        "makemigrations",
        "makemessages",
        "compilemessages",
        "spectacular",
        "sqlmigrate",
        "startapp",
        "startproject",
        "roles_page",
    ),
}
SERVE = (["web"], ["scheduler"])


def run(argv: list[str]) -> None:
    try:
        _run(argv)
    except env.BadSetting as problem:
        sys.exit(str(problem))


def _run(argv: list[str]) -> None:
    if argv[1:2] == ["new_keys"]:
        print(key_rings.new_keys())
        return
    if sentence := _missing_database(argv, env.read()):
        sys.exit(sentence)

    if argv[1:2] in SERVE and not asks_for_help(argv):
        _require_safety(signs=argv[1] == "scheduler")

    from django.core.management import execute_from_command_line

    execute_from_command_line(argv)


def _missing_database(argv: list[str], environment: env.Env) -> str | None:
    command = argv[1] if len(argv) > 1 else "help"
    if command in NEED_NO_DATABASE or asks_for_help(argv) or not environment.embeds_database:
        return None
    if embedded.postgres_answers(environment.home):
        return None
    return (
        f"`{command}` needs the database, and none runs for {environment.home}. Start `python3 manage.py up` first and "
        "leave it running, or set DATABASE_URL to a server of yours."
    )


def asks_for_help(argv: list[str]) -> bool:
    return any(word.startswith("-") for word in argv[1:2]) or bool({"-h", "--help"} & set(argv))


def _require_safety(*, signs: bool) -> None:
    """What can be seen only with the settings and the database at hand (config.production knows the rest)."""
    import django

    django.setup()
    from config import metrics, role, settings

    if signs:
        production.require_signing_keys(settings.ENV)
        metrics.serve(settings.ENV.metrics_listen)
    role.require_plain_role()
