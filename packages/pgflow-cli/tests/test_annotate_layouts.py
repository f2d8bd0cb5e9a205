"""Annotations are put into any layout of source; everything else stays as it is."""

import textwrap
from pathlib import Path

import pytest
from tests.support.annotating import annotated, obj, plan, scalar

INT = scalar("int")
HEAD = """\
from pydantic import BaseModel

from pgflow_dsl import Flow


class Order(BaseModel):
    number: int
    items: list[str]


flow = Flow("parcels", payload=Order)


"""


def steps(text: str) -> str:
    """Return what stands below the head that all modules here have."""
    return text.split('flow = Flow("parcels", payload=Order)\n\n\n')[1]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            """
            @flow.step
            def pack(order=flow.payload): return len(order.items)
            """,
            """
            @flow.step
            def pack(order: Order = flow.payload) -> int: return len(order.items)
            """,
        ),
        (
            """
            @flow.step
            async def pack( order = flow.payload , ) :
                return len(order.items)
            """,
            """
            @flow.step
            async def pack( order: Order = flow.payload , ) -> int :
                return len(order.items)
            """,
        ),
        (
            """
            @flow.step(
                max_attempts=5,  # (the shop is slow
                timeout=30,
            )
            def pack(
                order  # the whole
                =flow.payload,
                *,
                # only the (first) one: "a"
                items=
                flow.payload.items,  # noqa: E251
                number=(flow.payload
                    .number),
            ):  # type: ignore
                '''Put (everything: "together")'''
                return (lambda order: len(order))(order.items)
            """,
            """
            @flow.step(
                max_attempts=5,  # (the shop is slow
                timeout=30,
            )
            def pack(
                order: Order  # the whole
                = flow.payload,
                *,
                # only the (first) one: "a"
                items: list[str] =
                flow.payload.items,  # noqa: E251
                number: int = (flow.payload
                    .number),
            ) -> int:  # type: ignore
                '''Put (everything: "together")'''
                return (lambda order: len(order))(order.items)
            """,
        ),
        (
            """
            @flow.step
            def pack(order=flow.payload,
                     number=flow.payload.number):
                # type: (Order, int) -> int
                return (count := number) + len(order.items)
            """,
            """
            @flow.step
            def pack(order: Order = flow.payload,
                     number: int = flow.payload.number) -> int:
                return (count := number) + len(order.items)
            """,
        ),
        (
            """
            @flow.step
            def pack(
                order=flow.payload,  # type: Order
                number=flow.payload.number,
                # type: int
            ):  # type: (...) -> int
                return number
            """,
            """
            @flow.step
            def pack(
                order: Order = flow.payload,
                number: int = flow.payload.number,
            ) -> int:
                return number
            """,
        ),
        (
            """
            @flow.step
            def pack(order: Order = flow.payload, number=flow.payload.number) -> int:
                return number
            """,
            """
            @flow.step
            def pack(order: Order = flow.payload, number: int = flow.payload.number) -> int:
                return number
            """,
        ),
        (
            """
            if True:

                @flow.step
                def pack():
                    @staticmethod
                    def inner(x=1): return x
                    return 1
            """,
            """
            if True:

                @flow.step
                def pack() -> int:
                    @staticmethod
                    def inner(x=1): return x
                    return 1
            """,
        ),
        (
            """
            def named(fn):
                return fn

            @flow.step
            @named
            def pack(n={"ä": flow.payload.number}["ä"], o=flow.payload, *, s=flow.payload.items, ):
                ...
            """,
            """
            def named(fn):
                return fn

            @flow.step
            @named
            def pack(
                n: int = {"ä": flow.payload.number}["ä"],
                o: Order = flow.payload,
                *,
                s: list[str] = flow.payload.items,
            ) -> int:
                ...
            """,
        ),
    ],
    ids=[
        *("one line", "async", "several lines", "type comment below", "type comments"),
        *("half annotated", "in a block", "decorated, letters of two bytes, too long"),
    ],
)
def test_every_layout_keeps_its_form(tmp_path: Path, before: str, after: str) -> None:
    source = HEAD + textwrap.dedent(before).lstrip("\n")
    written = annotated(tmp_path, source, pack=INT)
    assert steps(written) == textwrap.dedent(after).lstrip("\n")


def test_only_touched_lines_change_with_windows_line_ends_tabs_and_form_feeds(
    tmp_path: Path,
) -> None:
    source = HEAD.replace("    ", "\t") + "\x0c\n@flow.step\ndef pack():\n\treturn {}\n"
    written = annotated(tmp_path, source.replace("\n", "\r\n"), pack=obj(number=INT))
    assert "\n" not in written.replace("\r\n", "")
    unix = written.replace("\r\n", "\n")
    assert steps(unix) == (
        "\x0c\nclass Pack(TypedDict):\n\tnumber: int\n\n\n"
        "@flow.step\ndef pack() -> Pack:\n\treturn {}\n"
    )
    assert "from pgflow_dsl import Flow\nfrom typing_extensions import TypedDict\n\n\n" in unix


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ("# -*- coding: latin-1 -*-\n", "latin-1"),
        ("", "utf-8-sig"),
        ("#!/usr/bin/env python\n# coding: cp1252\n", "cp1252"),
    ],
)
def test_the_encoding_of_a_file_is_kept(tmp_path: Path, head: str, encoding: str) -> None:
    source = head + HEAD + "@flow.step\ndef pack(order=flow.payload):\n    return 'é'  # ü\n"
    folder = tmp_path / "flows"
    folder.mkdir()
    (folder / "parcels.py").write_bytes(source.encode(encoding))
    (change,) = plan(folder, {"pack": {"kind": "literal", "values": ["é", "→"]}}).changes
    arrow = "→" if encoding == "utf-8-sig" else "\\u2192"
    expected = source.replace("order=", "order: Order = ").replace(
        "):\n    return", f') -> Literal["é", "{arrow}"]:\n    return'
    )
    expected = expected.replace("from pydantic", "from typing import Literal\n\nfrom pydantic")
    assert change.after == expected.encode(encoding)


def test_a_comment_stays_with_its_handler(tmp_path: Path) -> None:
    source = HEAD + textwrap.dedent("""\
        def helper(): return 1
        # About packing,
        # in two lines.
        @flow.step
        def pack():
            return {}


        # About nothing in particular.

        @flow.step(slug="then")
        def later(number=pack.result["number"]):
            return {"again": number}
        """)
    assert steps(
        annotated(tmp_path, source, pack=obj(number=INT), then=obj(again=INT))
    ) == textwrap.dedent("""\
        def helper(): return 1


        class Pack(TypedDict):
            number: int


        # About packing,
        # in two lines.
        @flow.step
        def pack() -> Pack:
            return {}


        # About nothing in particular.

        class Then(TypedDict):
            again: int


        @flow.step(slug="then")
        def later(number: int = pack.result["number"]) -> Then:
            return {"again": number}
        """)
