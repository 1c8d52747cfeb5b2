"""With the rights that docs/ledger.md gives it, the role that Tandem works with only adds to the ledger (case A01)."""

from __future__ import annotations

import re

import pytest
from django.db import ProgrammingError, connection, transaction

from audit import wall
from audit.models import Batch
from config.env import ROOT
from tests.audit.sealed import deed, seal, sealer

DENIED = [
    "UPDATE audit_entry SET verb = 'x'",
    "DELETE FROM audit_entry",
    "TRUNCATE audit_entry",
    "DROP TABLE audit_entry",
    "ALTER TABLE audit_entry DROP COLUMN mac",
    "ALTER TABLE audit_entry DISABLE TRIGGER ledger_keeps_rows",
    "DROP TRIGGER ledger_keeps_rows ON audit_entry",
    "ALTER FUNCTION ledger_is_append_only() RENAME TO gone",
    "SET session_replication_role = replica",
    "COPY audit_entry FROM PROGRAM 'true'",
    "INSERT INTO audit_entry SELECT * FROM audit_entry ON CONFLICT (id) DO UPDATE SET verb = 'x'",
    "UPDATE audit_batch SET total = 0",
    "DELETE FROM audit_batch",
    "TRUNCATE audit_batch",
    "ALTER TABLE audit_batch OWNER TO tandem_under_test",
    "DELETE FROM audit_counter",
]


@pytest.mark.django_db
def test_the_role_of_the_docs_writes_and_seals_and_may_do_nothing_else(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(wall, "keep", lambda connection: None)  # the role is set by hand here
    text = (ROOT / "docs" / "ledger.md").read_text()
    (grants,) = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE tandem_under_test")
        cursor.execute("GRANT USAGE ON SCHEMA public TO tandem_under_test")
        cursor.execute("GRANT ALL ON ALL TABLES IN SCHEMA public TO tandem_under_test")
        cursor.execute("REVOKE ALL ON audit_counter, audit_unsealed FROM tandem_under_test")
        cursor.execute(re.sub(r"\btandem\b", "tandem_under_test", grants))
        cursor.execute("SET LOCAL ROLE tandem_under_test")

        deed()
        seal(sealer(tmp_path))
        for statement in DENIED:
            with pytest.raises(ProgrammingError, match=r"permission denied|must be"), transaction.atomic():
                cursor.execute(statement)
        cursor.execute("RESET ROLE")

    assert Batch.objects.get().count == 1
