"""Numbers, codes and seals: what is there already is numbered, marked and queued for the first seal; none is lost."""

import django.contrib.postgres.fields
import django.db.models.functions.datetime
from django.db import migrations, models

FROM_BEFORE = """
-- Entries that are there already get their numbers, are marked as from before (form 0), and wait for the first seal.
-- They are changed by this one statement only, and the guard is back in the same transaction.
ALTER TABLE audit_entry DISABLE TRIGGER ledger_keeps_rows;
UPDATE audit_entry AS entry SET form = 0, seq = numbered.seq FROM (
    SELECT id, row_number() OVER (
        PARTITION BY run_id, CASE WHEN run_id IS NULL THEN department END ORDER BY id
    ) AS seq FROM audit_entry
) AS numbered WHERE numbered.id = entry.id;
ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER ledger_keeps_rows;

INSERT INTO audit_unsealed (entry_id) SELECT id FROM audit_entry;
INSERT INTO audit_counter (scope, last)
    SELECT department, max(seq) FROM audit_entry WHERE run_id IS NULL GROUP BY department;
INSERT INTO audit_counter (scope, last)
    SELECT run_id::text, max(seq) FROM audit_entry WHERE run_id IS NOT NULL GROUP BY run_id HAVING max(seq) > 1;
"""

GUARD_BATCHES = """
CREATE TRIGGER ledger_keeps_batches BEFORE UPDATE OR DELETE ON audit_batch
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_keeps_batch_table BEFORE TRUNCATE ON audit_batch
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
ALTER TABLE audit_batch ENABLE ALWAYS TRIGGER ledger_keeps_batches;
ALTER TABLE audit_batch ENABLE ALWAYS TRIGGER ledger_keeps_batch_table;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0002_append_only"),
    ]

    operations = [
        migrations.CreateModel(
            name="Anchored",
            fields=[
                ("place", models.CharField(max_length=200, primary_key=True, serialize=False)),
                ("batch", models.PositiveBigIntegerField(default=0)),
                ("at", models.DateTimeField(null=True, verbose_name="anchored")),
                ("error", models.CharField(blank=True, max_length=300)),
                ("failing_since", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "anchor",
                "verbose_name_plural": "anchors",
                "ordering": ["place"],
            },
        ),
        migrations.CreateModel(
            name="Batch",
            fields=[
                ("number", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("form", models.PositiveSmallIntegerField(default=1)),
                ("before", models.BooleanField(default=False)),
                ("previous", models.BinaryField()),
                ("first", models.UUIDField()),
                ("last", models.UUIDField()),
                ("count", models.PositiveIntegerField()),
                ("total", models.PositiveBigIntegerField(help_text="entries in all batches up to this one")),
                ("root", models.BinaryField()),
                ("departments", models.JSONField()),
                ("sealed_at", models.DateTimeField(verbose_name="sealed")),
                ("key_id", models.CharField(max_length=60)),
                ("hash", models.BinaryField()),
                ("signature", models.BinaryField()),
                ("entries", django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
            ],
            options={
                "verbose_name": "sealed batch",
                "verbose_name_plural": "sealed batches",
                "ordering": ["-number"],
                "indexes": [models.Index(fields=["last"], name="ledger_batch_last")],
            },
        ),
        migrations.CreateModel(
            name="Counter",
            fields=[
                ("scope", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("last", models.PositiveIntegerField()),
            ],
            options={
                "verbose_name": "counter of the ledger",
                "verbose_name_plural": "counters of the ledger",
                "ordering": ["scope"],
            },
        ),
        migrations.CreateModel(
            name="Unsealed",
            fields=[
                ("entry_id", models.UUIDField(primary_key=True, serialize=False)),
            ],
            options={
                "verbose_name": "unsealed entry",
                "verbose_name_plural": "unsealed entries",
                "ordering": ["entry_id"],
            },
        ),
        migrations.CreateModel(
            name="Verification",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now(), verbose_name="verified"),
                ),
                ("exit_code", models.PositiveSmallIntegerField(null=True)),
                ("entries", models.PositiveBigIntegerField(default=0)),
                ("findings", models.JSONField(default=list)),
                ("took_s", models.FloatField(default=0)),
            ],
            options={
                "verbose_name": "verification of the ledger",
                "verbose_name_plural": "verifications of the ledger",
                "ordering": ["-id"],
            },
        ),
        migrations.RemoveIndex(
            model_name="entry",
            name="ledger_run",
        ),
        migrations.AddField(
            model_name="entry",
            name="form",
            field=models.PositiveSmallIntegerField(
                default=1, help_text="of its bytes; 0 is from before the first seal"
            ),
        ),
        migrations.AddField(
            model_name="entry",
            name="mac",
            field=models.BinaryField(default=bytes),
        ),
        migrations.AddField(
            model_name="entry",
            name="mac_key",
            field=models.CharField(blank=True, max_length=60),
        ),
        migrations.AddField(
            model_name="entry",
            name="seq",
            field=models.PositiveIntegerField(default=0),
            preserve_default=False,
        ),
        migrations.RunSQL(FROM_BEFORE, migrations.RunSQL.noop),
        migrations.RunSQL(GUARD_BATCHES, migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("run_id__isnull", False)), fields=("run_id", "seq"), name="ledger_run_seq"
            ),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(
                condition=models.Q(("run_id__isnull", True)), fields=("department", "seq"), name="ledger_department_seq"
            ),
        ),
    ]
