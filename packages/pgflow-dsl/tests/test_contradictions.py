"""What can never hold, or always does, is found, and nothing that can be either way is refused."""

import operator
import os
import random
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Le, MinLen
from pydantic import BaseModel, TypeAdapter, ValidationError

from pgflow_dsl import Flow, contains, is_null, length, not_, one_of, or_else
from pgflow_dsl.conditional import ConditionReader
from pgflow_dsl.conditions import Joined, Negated, Node, node_of
from pgflow_dsl.evaluate import holds, part_at
from pgflow_manifest import HandlerSignatureError, PayloadInput, ResultInput

SEED = int(os.environ.get("PGFLOW_FUZZ_SEED", "7"))
CONDITIONS, DOCUMENTS = 3_000, 40


class Facts(BaseModel):
    """Everything that a condition may be about."""

    count: int
    share: Annotated[float, Ge(0), Le(1)]
    above: Annotated[float, Gt(5)]
    kind: Literal["audio", "text"]
    level: Literal[1, 2] | None
    name: Annotated[str, MinLen(1)]
    note: str | None
    flag: bool
    tags: list[str]
    rows: Annotated[list[int], MinLen(1)]
    sizes: dict[str, int]
    either: int | str | None
    lang: str = "en"


flow = Flow("facts", payload=Facts)
payload: Any = flow.payload


def reader() -> ConditionReader:
    return ConditionReader(location=flow.location, type_of=lambda _: flow.payload_json_type())


class Lenient(ConditionReader):
    """Reads also what never or always holds."""

    def _check_outcomes(self, *_: object) -> None:
        return


def outcomes(node: Node, documents: list[Any]) -> set[bool]:
    """Return what *node* comes to for *documents*."""
    lenient = Lenient(location=flow.location, type_of=lambda _: flow.payload_json_type())
    condition = lenient.read(node)

    def look(document: Any) -> Callable[[PayloadInput | ResultInput], Any]:
        return lambda place: part_at(document, place.path)

    return {holds(condition, look(document)) for document in documents}


@pytest.mark.parametrize(
    ("condition", "never"),
    [
        (lambda p: (p.count > 5) & (p.count < 3), True),
        (lambda p: (p.count > 5) & (p.count < 5), True),
        (lambda p: (p.count > 5) & (p.count <= 5), True),
        (lambda p: (p.count > 5) & (p.count < 6), True),  # no whole number between
        (lambda p: (p.count >= 5) & (p.count <= 5), None),
        (lambda p: (p.share > 0.5) & (p.share < 0.6), None),
        (lambda p: (3 > p.count) & (p.count > 5), True),  # noqa: SIM300 - what is tested
        (lambda p: p.flag & (p.count > 5) & (p.kind == "text") & (p.count < 3), True),
        (lambda p: (p.name == "a") & (p.name == "b"), True),
        (lambda p: (p.kind == "audio") & (p.kind == "text"), True),
        (lambda p: (p.kind != "audio") & (p.kind != "text"), True),
        (lambda p: (p.name > "b") & (p.name < "a"), True),
        (lambda p: (p.name >= "a") & (p.name <= "b"), None),
        (lambda p: is_null(p.note) & (p.note == "x"), True),
        (lambda p: is_null(p.note) & (p.note > "x"), True),
        (lambda p: is_null(p.note) & contains(p.note, "x"), True),
        (lambda p: is_null(p.note) & not_(p.note == "x"), None),
        (lambda p: is_null(p.note) & not_(is_null(p.note)), True),
        (lambda p: p.flag & not_(p.flag), True),
        (lambda p: p.flag | not_(p.flag), False),
        (lambda p: (p.count > 5) | (p.count <= 5), False),
        (lambda p: (p.either > 5) | (p.either <= 5), None),  # a text is neither
        (lambda p: one_of(p.name, ["a", "b"]) & one_of(p.name, ["c", "d"]), True),
        (lambda p: one_of(p.name, ["a", "b"]) & one_of(p.name, ["b", "d"]), None),
        (lambda p: one_of(p.name, ["a", "b"]) & (p.name > "b"), True),
        (lambda p: (length(p.tags) > 3) & (length(p.tags) < 2), True),
        (lambda p: (length(p.tags) > 3) & (length(p.name) < 2), None),
        (lambda p: (or_else(p.note, "") == "a") & (or_else(p.note, "") == "b"), True),
        (lambda p: (or_else(p.note, "") == "a") & (or_else(p.note, "b") == "b"), None),
        (lambda p: (p.either == 5) & (p.either == "5"), True),
        (lambda p: (p.lang == "de") & (p.lang == "fr"), True),
        (lambda p: not_((p.count < 5) | (p.count > 4)), False),
        (lambda p: ((p.count > 5) & (p.count < 3)) | p.flag, True),
        (lambda p: p.count == p.count, False),
        (lambda p: p.count < p.count, True),
        (lambda p: p.count != p.count, True),
        (lambda p: p.either <= p.either, None),
        (lambda p: p.count == 1.5, True),
        (lambda p: p.count == 1.0, None),
    ],
)
def test_contradictions_are_found_where_they_are_certain(
    condition: Callable[[Any], Any], never: bool | None
) -> None:
    node = node_of(condition(payload))
    if never is None:
        reader().read(node)
        return
    with pytest.raises(HandlerSignatureError, match="never holds" if never else "always holds"):
        reader().read(node)


@pytest.mark.parametrize(
    "condition",
    [
        lambda p: is_null(p.tags[0]),
        lambda p: is_null(p.rows[1]),
        lambda p: is_null(p.sizes["a"]),
        lambda p: not_(is_null(p.sizes["a"])),
    ],
)
def test_item_or_key_need_not_be_there(condition: Callable[[Any], Any]) -> None:
    reader().read(node_of(condition(payload)))
    with pytest.raises(HandlerSignatureError, match="never holds"):
        reader().read(node_of(is_null(payload.rows[0])))


def test_contradiction_names_the_step_the_condition_and_the_type() -> None:
    with pytest.raises(HandlerSignatureError) as caught:

        @flow.step(when=(payload.count > 5) & (payload.count < 3))
        def never() -> int:
            return 1

    assert "step 'never' of flow 'facts'" in caught.value.message
    assert (
        "`(flow.payload.count > 5) & (flow.payload.count < 3)` asks about `int`, of which it never "
        "holds" in caught.value.message
    )


def test_text_that_postgres_cannot_hold_is_refused() -> None:
    with pytest.raises(HandlerSignatureError, match=r"U\+0000"):
        reader().read(node_of(payload.name == "a\0b"))
    reader().read(node_of(payload.name == "a\\u0000"))


ORDERS: list[Callable[[Any, Any], Any]] = [
    *(operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)
]
NUMBERS = [-1, 0, 0.5, 1, 1.0, 2, 5, 5.5, 6, 1e23, 10**23, 10**400]
TEXTS = ["", "a", "b", "ab", "audio", "text", "en", "x"]
ANYTHING = [None, True, False, *NUMBERS, *TEXTS, [], ["a"], [1], {}, {"a": 1}]
FIELDS: dict[str, list[Any]] = {
    "count": [-1, 0, 1, 5, 6, 10**23],
    "share": [0, 0.5, 1, 1.0],
    "above": [5.5, 6, 1e23],
    "kind": ["audio", "text"],
    "level": [1, 2, None],
    "name": ["a", "b", "ab", "audio"],
    "note": [None, *TEXTS],
    "flag": [True, False],
    "tags": [[], ["a"], ["a", "b", ""]],
    "rows": [[1], [0, 5, 1]],
    "sizes": [{}, {"a": 1}, {"a": 0, "b": 5}],
    "either": [None, *TEXTS, -1, 0, 1, 5, 6],
}


class Draw:
    """Documents and conditions, drawn by chance."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def document(self) -> dict[str, Any]:
        found = {name: self.chance.choice(values) for name, values in FIELDS.items()}
        if self.chance.random() < 0.5:
            found["lang"] = self.chance.choice(TEXTS)
        return found

    def part(self) -> tuple[Any, list[Any]]:
        """Return a part of the payload, and constants that it may equal."""
        name = self.chance.choice([*FIELDS, "lang"])
        whole: Any = getattr(payload, name)
        kind = self.chance.random()
        if name in ("tags", "rows") and kind < 0.5:
            return whole[self.chance.choice([0, 1])], [*TEXTS, *NUMBERS]
        if name == "sizes" and kind < 0.5:
            return whole["a"], NUMBERS
        if name in ("note", "name", "tags", "rows", "sizes", "either") and kind > 0.8:
            return length(whole), NUMBERS
        if name in ("note", "either", "level") and kind > 0.6:
            default = self.chance.choice(TEXTS if name == "note" else NUMBERS[:7])
            return or_else(whole, default), FIELDS[name]
        return whole, FIELDS.get(name, TEXTS)

    def comparison(self, part: Any, constants: list[Any]) -> Any:
        kind = self.chance.random()
        constant = self.chance.choice(constants if self.chance.random() < 0.8 else ANYTHING)
        if kind < 0.08:
            return is_null(part)
        if kind < 0.2:
            return one_of(part, self.chance.sample(constants, min(2, len(constants))))
        if kind < 0.25:
            return contains(part, constant)
        other = self.part()[0] if kind < 0.3 else constant
        return self.chance.choice(ORDERS)(part, other)

    def condition(self) -> Any:
        about = self.part()  # mostly of one part, so that it may contradict itself
        found = self.comparison(*about)
        for _ in range(self.chance.randint(0, 3)):
            other = self.comparison(*(about if self.chance.random() < 0.8 else self.part()))
            if self.chance.random() < 0.3:
                other = not_(other)
            found = found & other if self.chance.random() < 0.7 else found | other
        return found


def nodes_in(node: Node) -> Iterator[Node]:
    yield node
    if isinstance(node, Joined):
        for part in node.of:
            yield from nodes_in(part)
    elif isinstance(node, Negated):
        yield from nodes_in(node.of)


def test_documents_that_are_drawn_fit() -> None:
    adapter = TypeAdapter(Facts)
    draw = Draw(SEED)
    for _ in range(100):
        adapter.validate_python(draw.document(), strict=True)
    with pytest.raises(ValidationError):
        adapter.validate_python({**draw.document(), "above": 5})


def test_what_is_refused_holds_never_or_always_indeed() -> None:
    draw = Draw(SEED)
    documents = [draw.document() for _ in range(DOCUMENTS)]
    refused = {"never": 0, "always": 0, "joined": 0, "fine": 0}
    for _ in range(CONDITIONS):
        node = node_of(draw.condition())
        try:
            reader().read(node)
        except HandlerSignatureError as error:
            outcome = "always" if "always holds" in error.message else "never"
            if f"{outcome} holds" not in error.message:
                continue
            [part, *_] = [n for n in nodes_in(node) if str(n) == error.details["condition"]]
        else:
            refused["fine"] += 1
            continue
        refused[outcome] += 1
        refused["joined"] += isinstance(part, Joined)
        assert outcomes(part, documents) == {outcome == "always"}, (SEED, str(part))
    assert min(refused.values()) > CONDITIONS / 100, refused
