"""Reading and writing `flows.manifest.json`."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgflow_manifest import (
    FORMAT_VERSION,
    EachInput,
    FlowSpec,
    Manifest,
    ManifestError,
    ManifestInvalidError,
    ManifestVersionError,
    PayloadInput,
    ResultInput,
    StepSpec,
    dump_manifest,
    load_manifest,
    read_manifest,
    with_digests,
    write_manifest,
)

EXAMPLES = sorted((Path(__file__).parents[3] / "manifests/conformance/valid").glob("*.json"))

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=10), children, max_size=3)
    ),
    max_leaves=10,
)
slugs = st.from_regex(r"\A[a-zA-Z_][a-zA-Z0-9_]{0,20}\Z").filter(lambda slug: slug != "run")


@st.composite
def maps_like(draw: st.DrawFn, step: StepSpec) -> StepSpec:
    path = tuple(draw(st.lists(st.text(max_size=5) | st.integers(0, 9), max_size=3)))
    lists = [PayloadInput(path=path), *(ResultInput(step=dep, path=path) for dep in step.deps)]
    return step.model_copy(
        update={
            "kind": "map",
            "over": draw(st.sampled_from(lists)),
            "inputs": {**step.inputs, "item": EachInput(path=path)},
            "result_schema": {"type": "array", "items": step.result_schema},
        }
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    schema = st.dictionaries(st.text(max_size=10), json_values, max_size=4)
    flows: list[FlowSpec] = []
    for slug in sorted(draw(st.sets(slugs, max_size=3))):
        steps: list[StepSpec] = []
        for step_slug in draw(st.lists(slugs, min_size=1, max_size=4, unique=True)):
            deps = draw(st.sets(st.sampled_from([step.slug for step in steps]))) if steps else ()
            path = tuple(draw(st.lists(st.text(max_size=5) | st.integers(0, 9), max_size=3)))
            whole = StepSpec(
                slug=step_slug,
                description=draw(st.text(max_size=20)),
                deps=tuple(sorted(deps)),
                inputs={"value": PayloadInput(path=path)},
                result_schema=draw(schema),
                digest="0" * 64,
            )
            steps.append(draw(st.just(whole) | maps_like(whole)))
        flow = FlowSpec(slug=slug, payload_schema=draw(schema), steps=tuple(steps), digest="0" * 64)
        flows.append(with_digests(flow))
    return Manifest(flows=tuple(flows))


@given(manifests())
def test_every_manifest_reads_back_as_it_was_written(manifest: Manifest) -> None:
    content = dump_manifest(manifest)
    assert load_manifest(content) == manifest
    assert dump_manifest(load_manifest(content)) == content


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_bytes_are_deterministic(path: Path) -> None:
    once = dump_manifest(load_manifest(path.read_bytes()))
    assert dump_manifest(load_manifest(once.decode())) == once
    assert once.endswith(b"}\n")


def test_writing_says_whether_the_file_changed_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "flows.manifest.json"
    assert write_manifest(Manifest(), path) is True
    first = path.stat().st_mtime_ns
    assert write_manifest(Manifest(), path) is False
    assert path.stat().st_mtime_ns == first
    assert read_manifest(path) == Manifest()
    assert list(path.parent.iterdir()) == [path]


def test_missing_file_says_how_to_write_it(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"cannot read the manifest .*No such file") as missing:
        read_manifest(tmp_path / "flows.manifest.json")
    assert missing.value.hint == "write it with `pgflow compile FLOWS -o FILE`"


def test_error_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("[]")
    with pytest.raises(ManifestInvalidError, match=r"broken\.json is not a valid manifest"):
        read_manifest(path)


@pytest.mark.parametrize(("version", "hint"), [(2, "upgrade pgflow"), (0, "pgflow compile")])
def test_other_format_version_is_refused_before_anything_else_is_read(
    version: int, hint: str
) -> None:
    with pytest.raises(ManifestVersionError, match=f"format version {version}") as refused:
        load_manifest(orjson.dumps({"format_version": version, "flows": "another shape"}))
    assert hint in str(refused.value)
    assert refused.value.details == {"found": version, "known": FORMAT_VERSION}


def test_known_format_version_passes_the_gate() -> None:
    assert load_manifest(orjson.dumps({"format_version": FORMAT_VERSION, "flows": []})).flows == ()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xef\xbb\xbf{}",
        b"\xff",
        b'{"format_version": NaN}',
        "[" * 100_000,
        '{"format_version": 1, "flows": "\ud800"}',
    ],
    ids=["empty", "byte_order_mark", "not_utf8", "nan", "deep", "lone_surrogate"],
)
def test_text_that_is_no_json_is_refused(content: bytes | str) -> None:
    with pytest.raises(ManifestInvalidError, match="not JSON"):
        load_manifest(content)


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(ManifestInvalidError) as refused:
        load_manifest(
            b'{"format_version": 1, "flows": [{"slug": 3, "steps": [{"slug": "a/b"}], "~": 1}]}'
        )
    places = {problem["at"] for problem in refused.value.details["errors"]}
    assert {"/flows/0/slug", "/flows/0/steps/0/slug", "/flows/0/~0", "/flows/0/digest"} <= places
    for place in places:
        assert f"\n  {place}: " in str(refused.value)
