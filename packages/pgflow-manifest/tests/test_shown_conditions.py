"""Conditions for people are written as flow modules write them."""

import pytest

from pgflow_manifest import (
    AllOf,
    Comparison,
    Condition,
    Contains,
    LengthOperand,
    Not,
    OneOf,
    OperandTest,
    OrElseOperand,
    PayloadInput,
    ResultInput,
    ValueOperand,
    shown_condition,
)

KIND = PayloadInput(path=("kind",))
ITEM = ResultInput(step="split", path=("parts", 0, "a b"))
HIGH = Comparison(op=">", left=ResultInput(step="score"), right=ValueOperand(value=0.8))
AUDIO = Comparison(op="==", left=KIND, right=ValueOperand(value="audio"))


@pytest.mark.parametrize(
    ("condition", "text"),
    [
        (HIGH, "score.result > 0.8"),
        (
            AllOf(op="and", of=(HIGH, AUDIO)),
            '(score.result > 0.8) & (flow.payload.kind == "audio")',
        ),
        (
            AllOf(
                op="or", of=(HIGH, AllOf(op="and", of=(AUDIO, OperandTest(op="is_true", of=KIND))))
            ),
            '(score.result > 0.8) | ((flow.payload.kind == "audio") & flow.payload.kind)',
        ),
        (Not(of=AUDIO), 'not_(flow.payload.kind == "audio")'),
        (OperandTest(op="is_null", of=ITEM), 'is_null(split.result.parts[0]["a b"])'),
        (
            OneOf(left=KIND, values=("ä", None, True)),
            'one_of(flow.payload.kind, ["ä", None, True])',
        ),
        (
            Contains(left=KIND, right=ITEM),
            'contains(flow.payload.kind, split.result.parts[0]["a b"])',
        ),
        (
            Comparison(
                op="<=",
                left=LengthOperand(length=PayloadInput()),
                right=OrElseOperand(or_else=(KIND, 3)),
            ),
            "length(flow.payload) <= or_else(flow.payload.kind, 3)",
        ),
    ],
)
def test_conditions_read_as_they_were_written(condition: Condition, text: str) -> None:
    assert shown_condition(condition) == text
