"""The table of Django's database cache: short-lived counts that all web processes share."""

from django.db import migrations

# UNLOGGED: no write-ahead log for what may be lost in a crash.
MAKE = """
CREATE UNLOGGED TABLE shared_cache (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamptz NOT NULL
);
CREATE INDEX shared_cache_expires ON shared_cache (expires);
"""


class Migration(migrations.Migration):
    dependencies = [("departments", "0002_one_spelling_per_address")]
    operations = [migrations.RunSQL(MAKE, "DROP TABLE shared_cache")]
