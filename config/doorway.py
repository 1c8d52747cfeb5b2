"""From a command line to Django's commands, with a sentence instead of a traceback where a server is not there."""

from __future__ import annotations

import sys

from config import embedded, env

NEED_NO_DATABASE = {
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


def run(argv: list[str]) -> None:
    try:
        _run(argv)
    except env.BadSetting as problem:
        sys.exit(str(problem))


def _run(argv: list[str]) -> None:
    if sentence := _missing_database(argv, env.read()):
        sys.exit(sentence)

    from django.core.management import execute_from_command_line

    execute_from_command_line(argv)


def _missing_database(argv: list[str], environment: env.Env) -> str | None:
    command = argv[1] if len(argv) > 1 else "help"
    asks_for_help = command.startswith("-") or {"-h", "--help"} & set(argv)
    if command in NEED_NO_DATABASE or asks_for_help or not environment.embeds_database:
        return None
    if embedded.postgres_answers(environment.home):
        return None
    return (
        f"`{command}` needs the database, and none runs for {environment.home}. Start `python3 manage.py up` first and "
        "leave it running, or set DATABASE_URL to a server of yours."
    )
