"""pgflow-core-sql."""
