"""A published definition never changes (rule E17): the database refuses the UPDATE."""

from django.db import migrations

REFUSE = """
CREATE FUNCTION version_never_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.definition IS DISTINCT FROM OLD.definition OR NEW.number <> OLD.number OR NEW.workflow_id <> OLD.workflow_id
    THEN
        RAISE EXCEPTION 'Version % is published and never changes.', OLD.number USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER version_never_changes BEFORE UPDATE ON workflows_version
    FOR EACH ROW EXECUTE FUNCTION version_never_changes();
ALTER TABLE workflows_version ENABLE ALWAYS TRIGGER version_never_changes;
"""

ALLOW = "DROP TRIGGER version_never_changes ON workflows_version; DROP FUNCTION version_never_changes();"


class Migration(migrations.Migration):
    dependencies = [("workflows", "0001_initial")]
    operations = [migrations.RunSQL(REFUSE, ALLOW)]
