"""pgflow-worker."""
