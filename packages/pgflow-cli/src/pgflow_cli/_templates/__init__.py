"""Files that `pgflow install` copies into a project."""
