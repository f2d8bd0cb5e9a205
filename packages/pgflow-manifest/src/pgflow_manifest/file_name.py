"""The name of the file that holds a manifest."""

from typing import Final

MANIFEST_FILE_NAME: Final = "flows.manifest.json"
"""What the file is called unless somebody says otherwise."""
