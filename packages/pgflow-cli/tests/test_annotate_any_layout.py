"""Whatever blanks, comments and line breaks stand in a head, only annotations are added to it."""

import ast
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from pgflow_cli.annotating.signatures import signature_edits, type_comment_edits
from pgflow_cli.annotating.source_file import Edit, Function, SourceFile

BLANK = st.sampled_from(["", "", " ", "  ", "\t"])
GAP = st.sampled_from(
    [
        *("", "", " ", "\n", "\n        ", "  # why: (a, 'b'\n   ", " \\\n", "\f"),
        " # type: ignore\n",
    ]
)
DEFAULT = st.sampled_from(
    ["x", "x.result", 'x["a, b)"]', "(x)", "[x, {1: 2}][0]", "lambda a=1: a", "'ü=:('", "f'{x!r}'"]
)
BODY = st.sampled_from(
    [" return 1", "\n    return (1)", "  # type: (int)\n    ...\n", "\n    '''é'''\n    x: int = 1"]
)

LONG = f"dict[str, tuple[{', '.join(['list[int]'] * 10)}]]"


@st.composite
def heads(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Return a function as text, and the arguments that are not annotated."""
    names = [f"a{number}" for number in range(draw(st.integers(0, 4)))]
    star = draw(st.integers(0, len(names)))
    parts: list[str] = []
    bare: list[str] = []
    for number, name in enumerate(names):
        if number == star:
            parts.append(f"*{draw(GAP)}")
        annotated = draw(st.booleans())
        if not annotated:
            bare.append(name)
        hint = f"{draw(GAP)}:{draw(GAP)}set[int]" if annotated else ""
        parts.append(f"{name}{hint}{draw(GAP)}={draw(GAP)}{draw(DEFAULT)}{draw(GAP)}")
    inside = ",".join(f"{draw(GAP)}{part}" for part in parts)
    comma = "," if draw(st.booleans()) and parts else ""
    keyword = draw(st.sampled_from(["def", "async def", "async  \\\n def"]))
    head = f"{keyword} f{draw(BLANK)}({inside}{comma}{draw(GAP)}){draw(BLANK)}:"
    decorator = draw(st.sampled_from(["", "@d(1,\n   x=')')\n", "@d\n# why\n"]))
    return f"x = 1\n{decorator}{head}{draw(BODY)}\n", bare


@given(heads(), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["int", LONG]))
def test_only_annotations_are_added(head: tuple[str, list[str]], newline: str, hint: str) -> None:
    text, bare = head
    with TemporaryDirectory() as folder:
        path = Path(folder, "module.py")
        path.write_bytes(text.replace("\n", newline).encode())
        source = SourceFile(path)
    (function,) = [node for node in source.tree.body if isinstance(node, Function)]
    edits = signature_edits(source, function, dict.fromkeys(bare, hint), hint)
    edits += type_comment_edits(source, function)
    after = ast.parse(source.edited(edits))
    (annotated,) = [node for node in after.body if isinstance(node, Function)]
    hints = {
        argument.arg: ast.unparse(argument.annotation)
        for argument in (*annotated.args.args, *annotated.args.kwonlyargs)
        if argument.annotation is not None
    }
    wanted = {name: hint if name in bare else "set[int]" for name in hints}
    assert hints == {name: ast.unparse(ast.parse(text)) for name, text in wanted.items()}
    assert set(bare) <= hints.keys()
    assert bare_dump(after) == bare_dump(source.tree)


@given(heads())
def test_no_edit_leaves_every_byte(head: tuple[str, list[str]]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "module.py")
        path.write_bytes(head[0].encode())
        source = SourceFile(path)
    assert source.edited([Edit(3, 3, "")]) == source.content == head[0].encode()


def bare_dump(tree: ast.Module) -> str:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            node.returns = None
            for argument in (*node.args.args, *node.args.kwonlyargs):
                argument.annotation = None
    return ast.dump(tree)
