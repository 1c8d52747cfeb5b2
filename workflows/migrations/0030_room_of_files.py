"""What files take, added up as they come and go: asking for the sum would cost more with each file."""

import django.db.models.deletion
from django.db import migrations, models

COUNTING = """
CREATE FUNCTION workflows_add_up_files() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        -- In one order, as whoever adds takes them.
        PERFORM FROM workflows_fileuse AS kept
        WHERE EXISTS (SELECT FROM old_files AS gone
            WHERE kept.department_id = gone.department_id AND kept.bringer IN ('', gone.created_by))
        ORDER BY department_id, bringer FOR UPDATE;
        UPDATE workflows_fileuse AS kept SET bytes = kept.bytes - gone.bytes
        FROM (SELECT department_id, bringer, sum(size) AS bytes
            FROM old_files, LATERAL (VALUES (''), (NULLIF(created_by, ''))) AS who (bringer)
            WHERE bringer IS NOT NULL GROUP BY department_id, bringer) AS gone
        WHERE kept.department_id = gone.department_id AND kept.bringer = gone.bringer;
        -- Of whom nothing is left the name goes, too: they may have been erased.
        DELETE FROM workflows_fileuse AS kept USING old_files AS gone
        WHERE kept.department_id = gone.department_id AND kept.bringer = gone.created_by
            AND kept.bringer <> '' AND kept.bytes = 0;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        INSERT INTO workflows_fileuse AS kept (department_id, bringer, bytes)
        SELECT department_id, bringer, sum(size)
        FROM new_files, LATERAL (VALUES (''), (NULLIF(created_by, ''))) AS who (bringer)
        WHERE bringer IS NOT NULL GROUP BY department_id, bringer ORDER BY department_id, bringer
        ON CONFLICT (department_id, bringer) DO UPDATE SET bytes = kept.bytes + excluded.bytes;
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER files_come AFTER INSERT ON workflows_storedfile
    REFERENCING NEW TABLE AS new_files FOR EACH STATEMENT EXECUTE FUNCTION workflows_add_up_files();
CREATE TRIGGER files_change AFTER UPDATE ON workflows_storedfile
    REFERENCING OLD TABLE AS old_files NEW TABLE AS new_files
    FOR EACH STATEMENT EXECUTE FUNCTION workflows_add_up_files();
CREATE TRIGGER files_go AFTER DELETE ON workflows_storedfile
    REFERENCING OLD TABLE AS old_files FOR EACH STATEMENT EXECUTE FUNCTION workflows_add_up_files();

INSERT INTO workflows_fileuse (department_id, bringer, bytes)
SELECT department_id, bringer, sum(size)
FROM workflows_storedfile, LATERAL (VALUES (''), (NULLIF(created_by, ''))) AS who (bringer)
WHERE bringer IS NOT NULL GROUP BY department_id, bringer;
"""
NOT_COUNTING = """
DROP TRIGGER files_come ON workflows_storedfile;
DROP TRIGGER files_change ON workflows_storedfile;
DROP TRIGGER files_go ON workflows_storedfile;
DROP FUNCTION workflows_add_up_files();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("departments", "0017_erasure_and_holds"),
        ("workflows", "0029_budget_questions"),
    ]

    operations = [
        migrations.CreateModel(
            name="FileUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("bringer", models.CharField(blank=True, max_length=254, verbose_name="brought by")),
                ("bytes", models.BigIntegerField(verbose_name="bytes")),
                (
                    "department",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="departments.department",
                    ),
                ),
            ],
            options={
                "verbose_name": "room that files take",
                "verbose_name_plural": "room that files take",
                "ordering": ["-bytes", "id"],
                "constraints": [models.UniqueConstraint(fields=("department", "bringer"), name="file_use_once")],
            },
        ),
        migrations.RunSQL(COUNTING, NOT_COUNTING),
    ]
