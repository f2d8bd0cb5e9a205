"""Shorten a transcript offline: keep the phrases whose words matter most.

Extractive and deterministic: every word of the summary was said. `_hosted.py` asks a language
model instead.
"""

import math
from collections import Counter

_LONGEST_PHRASE = 24
_LEAD = 0.25
_CONNECTIVES = frozenset(
    ["after", "and", "because", "before", "but", "or", "so", "then", "when", "which", "while"]
)
_COMMON = """
a about after again all also am an and any are as at be because been before being but by can could
did do does doing done down for from get go going got had has have he her here him his how i if in
into is it its just like me more most my need no not now of off on one only or our out over please
really said she should so some than that the their them then there these they thing this those to
tell too uh um until up us very want was we well were what when where which while who will with
would yeah yes you your
"""
_STOP_WORDS = frozenset(_COMMON.split())


def summarise(phrases: list[str], share: float = 0.34) -> str:
    """Return the most telling *phrases*, in the order they were said, as sentences.

    A phrase scores by how often its content words occur in the whole transcript, so that the
    topic that returns wins; early phrases weigh more, since memos begin with the matter. At
    least one phrase is kept, and no more than *share* of them.
    """
    parts = [part for phrase in phrases for part in _split_long(phrase.split())]
    if not parts:
        return ""
    counts = Counter(word for part in parts for word in _content(part))
    scores = [_score(part, counts) / (1 + _LEAD * index) for index, part in enumerate(parts)]
    wanted = max(1, math.floor(len(parts) * share))
    best = sorted(range(len(parts)), key=lambda index: (-scores[index], index))[:wanted]
    return " ".join(_sentence(parts[index]) for index in sorted(best))


def _score(words: list[str], counts: Counter[str]) -> float:
    content = set(_content(words))
    # The root keeps long phrases from winning only because they are long.
    return sum(counts[word] for word in content) / math.sqrt(len(words))


def _content(words: list[str]) -> list[str]:
    return [word for word in words if word.lower() not in _STOP_WORDS]


def _split_long(words: list[str]) -> list[list[str]]:
    """Cut a breathless phrase before its middlemost connective, until no part is too long."""
    if len(words) <= _LONGEST_PHRASE:
        return [words] if words else []
    middle = len(words) // 2
    joints = [i for i, word in enumerate(words) if word.lower() in _CONNECTIVES and i > 3]
    cut = min(joints, key=lambda i: abs(i - middle), default=middle)
    return _split_long(words[:cut]) + _split_long(words[cut:])


def _sentence(words: list[str]) -> str:
    text = " ".join(words)
    return f"{text[0].upper()}{text[1:]}."
