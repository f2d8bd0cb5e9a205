"""pgflow-dsl."""
