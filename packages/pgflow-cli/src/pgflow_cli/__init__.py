"""pgflow-cli."""
