"""Ask the engine in its four ways, and jsonschema-rs, whether values fit a schema."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jsonschema_rs
from psycopg import Connection
from tests.support.schema_fuzz import Json, Schema, is_array, is_object

_ASK: Final = """
select
  pgflow._check_value(s.schema_id, v.value),
  pgflow._explain(s.program, v.value),
  pgflow._walk(s.program, s.program -> 0, v.value, 0, 'infinity') is null,
  coalesce(
    v.value @? s.predicate
    and (
      s.residual_paths is null
      or pgflow._residuals_fit(
        v.value, s.residual_paths, s.residual_kinds, s.residual_mins, s.residual_maxs
      )
    ),
    false
  )
from unnest(%s::text[]) with ordinality as t (document, n)
cross join lateral (select t.document::jsonb) as v (value)
join pgflow.schemas as s on s.schema_id = %s
order by t.n
"""
_MOST_ERRORS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was said of one instance."""

    fits: bool
    """By jsonschema-rs."""
    errors: Json
    """Of `_check_value`: null when the instance fits."""
    explained: Json
    """Of the walker that collects errors."""
    walked: bool
    """Of the walker that is only asked whether."""
    accepted: bool
    """Of the predicate with its residual checks: true means that the instance fits."""

    def problem(self, instance: Json) -> str | None:
        """Say how the judges disagree, or what is wrong with the report of errors."""
        said = {
            "_check_value": self.errors is None,
            "_explain": self.explained is None,
            "_walk": self.walked,
        }
        if wrong := [name for name, fits in said.items() if fits != self.fits]:
            verdict = "fits" if self.fits else "does not fit"
            return f"it {verdict} says jsonschema-rs; otherwise {', '.join(wrong)}"
        if self.accepted and not self.fits:
            return "it does not fit, but the predicate accepts it"
        if self.errors != self.explained:
            return f"_check_value reports {self.errors}, _explain {self.explained}"
        if self.errors is not None:
            return _wrong_report(self.errors, instance)
        return None


class Judges:
    """The engine in one session, and jsonschema-rs without formats, which draft 2020-12 leaves."""

    def __init__(self, conn: Connection[Any]) -> None:
        self._conn = conn
        # as for all who call the walker; with another path, all its plans would be made anew
        conn.execute("set search_path = pg_catalog, pg_temp")

    def judge(self, schema: Schema, instances: Sequence[Json]) -> list[Verdict]:
        """Ask about all *instances*, in one call of the database.

        Raises:
            psycopg.Error: the engine refuses the schema.
        """
        row = self._conn.execute(
            "select pgflow._put_schema(%s::jsonb, '', 'the schema')", [json.dumps(schema)]
        ).fetchone()
        assert row is not None
        peer = jsonschema_rs.Draft202012Validator(schema, validate_formats=False)
        rows = self._conn.execute(_ASK, [[json.dumps(i) for i in instances], row[0]]).fetchall()
        return [
            Verdict(
                fits=peer.is_valid(instance),
                errors=errors,
                explained=explained,
                walked=walked,
                accepted=accepted,
            )
            for instance, (errors, explained, walked, accepted) in zip(instances, rows, strict=True)
        ]

    def problems(self, schema: Schema, instances: Sequence[Json]) -> Iterator[tuple[Json, str]]:
        """Give each instance that the judges disagree about, with what they say."""
        for instance, verdict in zip(instances, self.judge(schema, instances), strict=True):
            if (problem := verdict.problem(instance)) is not None:
                yield instance, problem


def _wrong_report(errors: Json, instance: Json) -> str | None:
    if not is_array(errors) or not 1 <= len(errors) <= _MOST_ERRORS:
        return f"a report of 1 to {_MOST_ERRORS} errors was expected, not {errors}"
    for error in errors:
        if set(error) != {"at", "keyword", "message"} or not error["message"]:
            return f"an error must have at, keyword and message: {error}"
        if error["keyword"] == "limit":
            return f"a limit: {error}"
        if not points_into(instance, error["at"]):
            return f"an error is reported where the instance has nothing: {error}"
    return None


def points_into(instance: Json, pointer: str) -> bool:
    """Tell whether the JSON pointer leads to a part of *instance*."""
    part = instance
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if is_object(part) and key in part:
            part = part[key]
        elif is_array(part) and key.isdigit() and int(key) < len(part):
            part = part[int(key)]
        else:
            return False
    return pointer == "" or pointer.startswith("/")
