"""The database itself refuses to change or remove ledger entries, for replication roles too (rule A1)."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'The ledger is append-only: % on % is refused.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_keeps_rows BEFORE UPDATE OR DELETE ON audit_entry
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_keeps_table BEFORE TRUNCATE ON audit_entry
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
-- ALWAYS: a session with session_replication_role = replica would skip plain triggers.
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER ledger_keeps_rows;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER ledger_keeps_table;
"""

ALLOW = """
DROP TRIGGER ledger_keeps_rows ON audit_entry;
DROP TRIGGER ledger_keeps_table ON audit_entry;
DROP FUNCTION ledger_is_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
