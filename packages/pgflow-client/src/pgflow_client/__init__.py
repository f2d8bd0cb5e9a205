"""pgflow-client."""
