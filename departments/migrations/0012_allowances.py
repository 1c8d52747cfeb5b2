"""How often each token and address has asked lately (departments/allowances.py)."""

from django.db import migrations

# UNLOGGED: no write-ahead log for what may be lost in a crash. Room in each page, so that a row changes in its place.
MAKE = """
CREATE UNLOGGED TABLE departments_allowance (
    key varchar(80) PRIMARY KEY,
    free_at timestamptz NOT NULL
) WITH (fillfactor = 50);
"""


class Migration(migrations.Migration):
    dependencies = [("departments", "0011_hosts_told")]
    operations = [migrations.RunSQL(MAKE, "DROP TABLE departments_allowance")]
