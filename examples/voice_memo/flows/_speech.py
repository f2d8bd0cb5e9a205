"""Words from sound, offline: pocketsphinx with the English model that its wheel carries."""

import array
import importlib
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from _audio import SAMPLE_RATE, Recording

_FRAME = SAMPLE_RATE // 100
_PAUSE_FRAMES = 10
_QUIET = 0.015


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word and where it was heard, in hundredths of a second."""

    text: str
    start: int
    end: int


class _Heard(Protocol):
    word: str
    start_frame: int
    end_frame: int


class _Decoder(Protocol):
    """What is used of pocketsphinx, which has no types of its own."""

    def start_utt(self) -> None: ...
    def process_raw(self, data: bytes, *, full_utt: bool) -> object: ...
    def end_utt(self) -> None: ...
    def seg(self) -> Iterable[_Heard] | None: ...


def recognise(recording: Recording) -> list[Word]:
    """Return the words that are spoken; takes about an eighth of the length of the recording.

    Everything happens in C while the thread waits, so call it from a sync handler.
    """
    # Loaded late: only the worker needs the 40 MB of its model.
    pocketsphinx: Any = importlib.import_module("pocketsphinx")
    decoder: _Decoder = pocketsphinx.Decoder(samprate=SAMPLE_RATE, loglevel="FATAL")
    decoder.start_utt()
    decoder.process_raw(recording.samples.tobytes(), full_utt=True)
    decoder.end_utt()
    quiet = _quiet_frames(recording.samples)
    return [
        # `the(2)` is the second way to pronounce `the`.
        Word(text=heard.word.split("(")[0], start=heard.start_frame, end=heard.end_frame)
        for heard in decoder.seg() or ()
        # Fillers such as `<sil>`, and words that it hears in dead silence, were not said.
        if heard.word[0] not in "<[" and not all(quiet[heard.start_frame : heard.end_frame + 1])
    ]


def phrases(words: list[Word], recording: Recording) -> list[str]:
    """Join *words* to phrases; a phrase ends where the speaker pauses.

    The recogniser knows no punctuation, and it gives a short silence to the word before it, so
    pauses are looked for in the sound itself.
    """
    quiet = _quiet_frames(recording.samples)
    found: list[list[str]] = []
    previous: Word | None = None
    for word in words:
        if previous is None or _pause_between(quiet, previous, word):
            found.append([])
        found[-1].append(word.text)
        previous = word
    return [" ".join(phrase) for phrase in found]


def _pause_between(quiet: list[bool], left: Word, right: Word) -> bool:
    longest = length = 0
    for is_quiet in quiet[(left.start + left.end) // 2 : (right.start + right.end) // 2]:
        length = length + 1 if is_quiet else 0
        longest = max(longest, length)
    return longest >= _PAUSE_FRAMES


def _quiet_frames(samples: "array.array[int]") -> list[bool]:
    loudness = [
        math.hypot(*samples[start : start + _FRAME]) for start in range(0, len(samples), _FRAME)
    ]
    ranked = sorted(loudness)
    # The loudest tenth is surely speech and the softest twentieth surely not: a pause is quiet
    # against the one or hardly louder than the other, whatever the microphone.
    speech, noise = ranked[-1 - len(ranked) // 10], ranked[len(ranked) // 20]
    limit = max(speech * _QUIET, min(noise * 2, speech / 4))
    return [value <= limit for value in loudness]
