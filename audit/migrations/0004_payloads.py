"""Entries hold no personal data any more: words of people lie beside them, sealed, and can be deleted (rule A10)."""

from django.db import migrations, models

GUARD = """
-- Deleted they may be, when somebody is erased; the verifier asks for the entry that says so. Changed never.
CREATE TRIGGER ledger_keeps_payloads BEFORE UPDATE ON audit_payload
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only();
CREATE TRIGGER ledger_keeps_payload_table BEFORE TRUNCATE ON audit_payload
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();
ALTER TABLE audit_payload ENABLE ALWAYS TRIGGER ledger_keeps_payloads;
ALTER TABLE audit_payload ENABLE ALWAYS TRIGGER ledger_keeps_payload_table;
"""


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_sealed")]

    operations = [
        migrations.AlterField(
            model_name="entry",
            name="actor_label",
            field=models.CharField(blank=True, max_length=254),
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=[
                ("subject", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("wrapped", models.BinaryField()),
                ("key_id", models.CharField(max_length=60)),
            ],
            options={
                "verbose_name": "key of a person's words",
                "verbose_name_plural": "keys of people's words",
                "ordering": ["subject"],
            },
        ),
        migrations.CreateModel(
            name="Payload",
            fields=[
                ("commitment", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("subject", models.CharField(db_index=True, max_length=64)),
                ("salt", models.BinaryField()),
                ("sealed", models.BinaryField()),
            ],
            options={
                "verbose_name": "words of a person",
                "verbose_name_plural": "words of people",
                "ordering": ["commitment"],
            },
        ),
        migrations.RunSQL(GUARD, migrations.RunSQL.noop),
    ]
