"""Find the voice memo example and check a recording for it before anything is started."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

from pgflow_cli import exit_codes
from pgflow_cli.errors import CommandError

_PACKAGE: Final = Path(__file__).resolve().parent
_SHIPPED: Final = _PACKAGE / "_examples" / "voice_memo"
_RECORDING: Final = Path("memos") / "bakery.wav"


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """The files of the example."""

    folder: Path

    @property
    def flows(self) -> Path:
        """The folder with the flow."""
        return self.folder / "flows"

    @property
    def recording(self) -> Path:
        """The memo that comes with it."""
        return self.folder / _RECORDING


def find_example() -> Example:
    """Return the example: in the wheel its copy, in a clone `examples/voice_memo`.

    Raises:
        CommandError: neither is there, or what the flow needs is not installed.
    """
    folders = [_SHIPPED]
    # packages/pgflow-cli/src/pgflow_cli, as an editable install leaves it
    if len(_PACKAGE.parents) > 3:
        folders.append(_PACKAGE.parents[3] / "examples" / "voice_memo")
    found = next((folder for folder in folders if (folder / "flows").is_dir()), None)
    if found is None:
        raise CommandError("the files of the example are missing", hint="install pgflow-cli anew")
    if importlib.util.find_spec("pocketsphinx") is None:
        raise CommandError(
            "the demo transcribes with pocketsphinx, which is not installed",
            hint="pip install pocketsphinx",
        )
    return Example(folder=found)


def check_recording(example: Example, path: Path) -> float:
    """Return how many seconds the recording lasts.

    Raises:
        CommandError: the example could not transcribe it; says why and how to mend it.
    """
    # The reader of the example itself, so that there is one opinion about what it can read.
    spec = importlib.util.spec_from_file_location("pgflow_demo_audio", example.flows / "_audio.py")
    assert spec is not None
    assert spec.loader is not None
    audio = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(audio)
    check = cast("Callable[[Path], float]", audio.check_recording)
    try:
        return check(path)
    except ValueError as error:
        raise CommandError(str(error), exit_code=exit_codes.USAGE) from None
