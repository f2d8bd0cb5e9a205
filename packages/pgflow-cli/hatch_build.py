# noqa: INP001 - hatchling runs this file, nobody imports it
"""Ship the voice memo example inside the package, so that `pgflow demo` runs without a clone.

Its one source is examples/voice_memo of the repository. A source distribution carries a copy at
the place where the wheel is built from it.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ExampleHook(BuildHookInterface[Any]):
    """Adds the example to wheels and source distributions; an editable install finds the clone."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name what is to be included; hatchling calls this before each build."""
        example = Path(self.root).parents[1] / "examples" / "voice_memo"
        if version == "editable" or not (example / "flows").is_dir():
            return
        source = "src/" if self.target_name == "sdist" else ""
        for part in ("flows", "memos"):
            target = f"{source}pgflow_cli/_examples/voice_memo/{part}"
            build_data["force_include"][str(example / part)] = target
