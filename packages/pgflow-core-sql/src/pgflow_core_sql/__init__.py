"""The engine of pgflow: its SQL, and what brings it into a database.

Start with `migrate`; the SQL to read is in `schema/`, beginning at `10_schema.sql`.
"""

from pgflow_core_sql.migrations import Migration, migrations
from pgflow_core_sql.migrator import migrate, schema_version

__all__ = ["Migration", "migrate", "migrations", "schema_version"]
