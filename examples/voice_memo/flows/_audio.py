"""Read a WAV file as the one kind of sound that the recogniser takes: 16 kHz, mono, 16 bit.

Only the standard library, so that `pgflow demo --audio FILE` can check a file before it starts
anything. `_speech.py` turns the samples into words.
"""

import array
import math
import sys
import wave
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from operator import mul
from pathlib import Path

SAMPLE_RATE = 16_000
_ZERO_CROSSINGS = 16
_HIGHEST_RATE = 192_000
_LONGEST_SECONDS = 600


class AudioError(ValueError):
    """The recording cannot be used; the message says which file, why, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Sound that the recogniser can take."""

    samples: "array.array[int]"
    """16 kHz, mono, 16 bit signed."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / SAMPLE_RATE


def read_recording(path: Path) -> Recording:
    """Read *path*; other sample rates are resampled and several channels mixed into one.

    Raises:
        AudioError: no such file, not a WAV, not 16 bit, below 16 kHz, empty, or too long.
    """
    with _opened(path) as file:
        frames = file.readframes(file.getnframes())
        channels, rate = file.getnchannels(), file.getframerate()
    samples = array.array("h", frames[: len(frames) // 2 * 2])
    if sys.byteorder == "big":
        samples.byteswap()
    if channels > 1:
        samples = _mix(samples, channels)
    if rate != SAMPLE_RATE:
        samples = resample(samples, rate, SAMPLE_RATE)
    return Recording(samples=samples)


def check_recording(path: Path) -> float:
    """Return its length in seconds, read from the head alone; errors as `read_recording`."""
    with _opened(path) as file:
        return file.getnframes() / file.getframerate()


def resample(samples: "array.array[int]", rate: int, wanted: int) -> "array.array[int]":
    """Change the sample rate with a windowed-sinc filter, which keeps high tones from folding.

    Costs about 0.1 s for one second of 44.1 kHz sound.
    """
    divisor = math.gcd(rate, wanted)
    up, down = wanted // divisor, rate // divisor
    cutoff = min(1.0, wanted / rate)
    half = math.ceil(_ZERO_CROSSINGS / cutoff)
    phases = [_taps(phase / up, half, cutoff) for phase in range(up)]
    padded = [0] * half + samples.tolist() + [0] * (half + 1)
    resampled = array.array("h")
    for index in range(len(samples) * up // down):
        start, phase = divmod(index * down, up)
        value = sum(map(mul, phases[phase], padded[start + 1 : start + 1 + 2 * half]))
        resampled.append(max(-32_768, min(32_767, round(value))))
    return resampled


def _taps(offset: float, half: int, cutoff: float) -> list[float]:
    """Weights of the samples around a point that lies *offset* after a sample; they sum to 1."""
    taps: list[float] = []
    for position in range(1 - half, half + 1):
        distance = position - offset
        turn = math.pi * cutoff * distance
        sinc = 1.0 if turn == 0 else math.sin(turn) / turn
        window = 0.5 + 0.5 * math.cos(math.pi * max(-1.0, min(1.0, distance / half)))
        taps.append(sinc * window)
    total = sum(taps)
    return [tap / total for tap in taps]


def _mix(samples: "array.array[int]", channels: int) -> "array.array[int]":
    tracks = [samples[channel::channels] for channel in range(channels)]
    # Not strict: a file that was cut off may end within a frame.
    return array.array("h", (sum(frame) // channels for frame in zip(*tracks, strict=False)))


@contextmanager
def _opened(path: Path) -> Generator[wave.Wave_read]:
    try:
        with wave.open(str(path), "rb") as file:
            _check(path, file.getsampwidth(), file.getframerate(), file.getnframes())
            yield file
    except OSError as error:
        raise AudioError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except (wave.Error, EOFError) as error:
        reason = f"is no plain WAV file ({str(error) or 'it ends too early'})"
        raise AudioError(f"{str(path)!r} {reason}; {_convert(path)}") from None


def _check(path: Path, width: int, rate: int, frames: int) -> None:
    if width != 2:
        raise AudioError(f"{str(path)!r} has {8 * width} bits a sample, not 16; {_convert(path)}")
    if rate < SAMPLE_RATE:
        raise AudioError(
            f"{str(path)!r} has {rate} samples a second, too few for the recogniser's model; "
            f"record it with {SAMPLE_RATE} or more"
        )
    if rate > _HIGHEST_RATE:
        raise AudioError(f"{str(path)!r} has {rate} samples a second; {_convert(path)}")
    if frames == 0:
        raise AudioError(f"{str(path)!r} holds no sound; record it again")
    if frames > rate * _LONGEST_SECONDS:
        raise AudioError(f"{str(path)!r} is longer than {_LONGEST_SECONDS // 60} minutes; cut it")


def _convert(path: Path) -> str:
    return (
        f"convert it with `sox {path.name} -r 16000 -c 1 -b 16 memo.wav` "
        f"or `ffmpeg -i {path.name} -ar 16000 -ac 1 memo.wav`"
    )
