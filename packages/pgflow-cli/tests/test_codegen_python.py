"""The module that `pgflow codegen python` writes: its types at run time and under type checkers."""

import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from jsonschema_rs import Draft202012Validator
from pydantic import TypeAdapter
from tests.support.builders import a_flow, a_step
from tests.support.random_schemas import RandomSchemas

from pgflow_cli.codegen.python import emit
from pgflow_cli.compiling import compile_folder
from pgflow_client import SignalRef
from pgflow_manifest import JsonSchema, Manifest, StepOptions

PACKAGES = Path(__file__).parents[2]
TYPING_TESTS = PACKAGES / "pgflow-cli" / "typing_tests"
CHECK = PACKAGES / "pgflow-dsl" / "typing_tests" / "check.py"


@pytest.fixture
def loaded() -> Iterator[Any]:
    """Return `loaded(text)`: the module of that text, until the test ends."""
    names: list[str] = []

    def load(text: str) -> ModuleType:
        module = ModuleType(f"_generated_{len(names)}")
        sys.modules[module.__name__] = module
        names.append(module.__name__)
        exec(text, vars(module))
        return module

    yield load
    for name in names:
        del sys.modules[name]


def module_of(**schemas: JsonSchema) -> str:
    """Return the module for one flow with a step for each schema."""
    steps = [a_step(slug, result_schema=schema) for slug, schema in schemas.items()]
    return emit(Manifest(flows=(a_flow("f", *steps, payload_schema={"type": "null"}),)))


def an_object(*required: str, **properties: Any) -> JsonSchema:
    return {
        "type": "object",
        "title": "It",
        "properties": {key: {"type": "string"} for key in required} | properties,
        "required": [*required],
    }


def test_null_stands_for_a_leaf_that_can_be_skipped(loaded: Any) -> None:
    first, second, third = (
        a_step(slug, *deps, result_schema={"type": "string"})
        for slug, *deps in (["first"], ["second", "first"], ["third"])
    )
    cascading = first.model_copy(update={"on_failure": "skip_cascade"})
    flow = a_flow("f", cascading, second, third, payload_schema={"type": "null"})
    module = loaded(emit(Manifest(flows=(flow,))))
    assert get_type_hints(module.FOutput) == {"second": str | None, "third": str}


def with_signals(*slugs: str, timeout: float | None = None, **schema: Any) -> str:
    """Return the module for a flow with these signals, and a step after them."""
    options = StepOptions(timeout_seconds=timeout)
    signals = [
        a_step(slug, result_schema=schema, options=options).model_copy(update={"kind": "signal"})
        for slug in slugs
    ]
    return emit(Manifest(flows=(a_flow("f", *signals, a_step("last", *slugs)),)))


@pytest.mark.parametrize(
    "slug", ["class", "str", "SignalRef", "FSignals", "__init__", "__x", "It", "print"]
)
def test_a_signal_of_any_name_is_an_attribute(slug: str, loaded: Any) -> None:
    module = loaded(with_signals(slug, f"{slug}_", "approval", **an_object("name")))
    assert module.f.signals.approval == SignalRef("approval")
    found = {name: ref.slug for name, ref in vars(module.FSignals).items() if name[:2] != "__"}
    assert sorted(found.values()) == sorted([slug, f"{slug}_", "approval"])


def test_the_null_of_a_timeout_is_received_but_not_sent() -> None:
    nullable = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    results = "def __call__(self, step_slug: Literal[{!r}], /) -> str | None: ..."
    for timeout, sent in ((60, "str"), (None, "str | None")):
        text = with_signals("approval", timeout=timeout, **nullable)
        assert results.format("approval").replace("'", '"') in text
        assert f'approval = SignalRef[{sent}]("approval")' in text


def test_a_flow_without_signals_has_none(loaded: Any) -> None:
    text = module_of(s={"type": "string"})
    assert "Signal" not in text
    assert loaded(text).f.signals is None


def test_the_committed_module_is_that_of_its_flows() -> None:
    committed = (TYPING_TESTS / "flows_client.py").read_text(encoding="utf-8")
    assert emit(compile_folder(TYPING_TESTS / "flows.py")) == committed


@pytest.mark.stress
def test_four_checkers_report_every_fault_and_nothing_else() -> None:
    for name in ("mypy", "pyright", "pyrefly", "ty"):
        if not (Path(sys.executable).parent / name).exists():
            pytest.skip(f"{name} is not installed here; `nox -s types` runs this")
    done = subprocess.run(
        [sys.executable, CHECK, TYPING_TESTS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_importing_the_module_imports_the_client_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "flows_client.py").write_bytes((TYPING_TESTS / "flows_client.py").read_bytes())
    script = (
        "import sys, pgflow_client; before = set(sys.modules); import flows_client; "
        "print(sorted(set(sys.modules) - before), flows_client.orders)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == "['flows_client'] FlowRef(slug='orders')\n"


def test_a_manifest_without_flows_gives_a_module_without_imports(loaded: Any) -> None:
    text = emit(Manifest())
    assert "import" not in text
    assert loaded(text).__doc__.startswith("The flows")


@pytest.mark.parametrize(
    "key", ["a-b", "class", "str", "Json", "It", "__private", "ﬁ", "", "a\n'\"\\", "\u202e"]
)
def test_a_key_that_cannot_be_an_attribute_is_kept(key: str, loaded: Any) -> None:
    module = loaded(module_of(s=an_object(key, "plain")))
    assert get_type_hints(module.It) == {key: str, "plain": str}


@pytest.mark.parametrize("extra", [{}, {"a-b": {"type": "null"}}])
def test_required_keys_are_known_at_run_time(extra: dict[str, Any], loaded: Any) -> None:
    recursive = {"more": {"$ref": "#"}, **extra}
    module = loaded(module_of(s=an_object("name", **recursive)))
    assert module.It.__required_keys__ == {"name"}
    assert module.It.__optional_keys__ == {*recursive}
    TypeAdapter(module.It).validate_python({"name": "a", "more": {"name": "b"}}, strict=True)


@pytest.mark.parametrize(
    "text",
    [
        "Plain.",
        "Two\n\n  lines.\n",
        'Quotes """ and "at the end"',
        '"""',
        "back\\slash \\",
        '\\"',
        "\x00 \x1b[31m \u2028 \u202e \ud7ff",
        "emoji \U0001f600 ü",
    ],
)
def test_descriptions_are_docstrings_whatever_they_hold(text: str, loaded: Any) -> None:
    described = an_object("a", b={"type": "null", "description": text})
    described["description"] = text
    functional = {**described, "title": "Other", "properties": {"c-d": {"description": text}}}
    alias = {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string", "description": text}}}
    module = loaded(module_of(s=described, t=functional, u=alias))
    told = [line.strip() for line in module.It.__doc__.strip().split("\n")]
    assert told == [line.strip() for line in text.strip().split("\n")]


def test_tuples_are_lists_and_literals_of_floats_are_floats(loaded: Any) -> None:
    pair = {"type": "array", "prefixItems": [{"type": "string"}, {"enum": [1, 2.5, True]}]}
    text = module_of(
        s={**pair, "minItems": 2, "maxItems": 2},
        t={"type": "array", "prefixItems": [{"type": "null"}], "items": {"type": "number"}},
        u={"const": 0.5},
    )
    assert "    s: list[str | Literal[1, True] | float]\n" in text
    assert "    t: list[None | float]\n" in text
    assert "    u: float\n" in text


def test_no_type_is_narrower_than_its_schema(loaded: Any) -> None:
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    random_schemas = RandomSchemas(seed)
    checked = 0
    for _ in range(40):
        schemas = {f"s{number}": random_schemas.schema() for number in range(25)}
        hints = get_type_hints(loaded(module_of(**schemas)).FOutput)
        for slug, schema in schemas.items():
            validator = Draft202012Validator(schema)
            adapter = TypeAdapter[Any](hints[slug])
            for value in filter(validator.is_valid, random_schemas.values(40)):
                adapter.validate_json(json.dumps(value), strict=True)
                checked += 1
    assert checked > 5000
