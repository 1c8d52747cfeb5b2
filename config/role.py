"""Under which role of PostgreSQL a process works. In production not as a superuser: nothing would hold it back."""

from __future__ import annotations

from django.conf import settings
from django.db import connection

from config.env import BadSetting
from config.postgres.waiting import NoDatabase, wait_for_database
from config.production import told


def require_plain_role() -> None:
    """Raises BadSetting. For the processes that serve; whoever migrates may own the tables."""
    if not settings.IS_PRODUCTION:
        return
    try:
        wait_for_database()
    except NoDatabase as silence:
        raise BadSetting(str(silence)) from None
    found = problem_of_role()
    connection.close()
    if found:
        raise BadSetting(told([found]))


def problem_of_role() -> str:
    """Empty when the role that we are signed in as is a plain one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        name, is_superuser, passes_walls = cursor.fetchone()
    if not (is_superuser or passes_walls):
        return ""
    what = "superuser" if is_superuser else "role that passes row security"
    return (
        f"DATABASE_URL signs in as {name!r}, a {what} of PostgreSQL: the ledger and the walls between departments "
        "would bind nobody. Make a plain role: CREATE ROLE tandem LOGIN PASSWORD '…' NOSUPERUSER NOBYPASSRLS."
    )
