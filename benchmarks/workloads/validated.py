"""What it costs that the database holds results against a schema of ten fields.

The worker, the flow and the results are the same; what the contract of the step refers to is either
its schema or `{}`, which everything fits. The two take turns, each twice: a, b, b, a.
"""

import psycopg
from benchmarks.contenders.contender import Job
from benchmarks.contenders.pgflow import Work, work_off
from benchmarks.measure import OURS, Bench, Case, Taken, Trial, Workload

WITH = "with its schema"
WITHOUT = "with the schema {}"
LOST = "lost"
_NO_SCHEMA = """
update pgflow.contracts
set result_schema_id = pgflow._put_schema('{}'::jsonb, '', 'a schema that everything fits')
where flow_slug = 'order'
"""
_RESULT = """{
  "order_id": "o-7", "status": "paid", "buyer": {"name": "Ada", "country": "CH"}, "amount": 19.9,
  "currency": "EUR", "quantity": 3, "tags": ["red", "large"], "lines": [1, 2, 3], "is_gift": false,
  "note": null
}"""


def _measure(bench: Bench, trial: Trial) -> Taken:
    checked: list[float] = []
    unchecked: list[float] = []
    for seconds in (checked, unchecked, unchecked, checked):
        with bench.database() as url:
            if seconds is unchecked:
                with psycopg.connect(url, autocommit=True) as conn:
                    conn.execute(_NO_SCHEMA)
            work = Work("order", 1, 7, "place", _RESULT)
            seconds.append(work_off(Job(url=url, runs=trial.size), work).seconds)
    with_schema = 2 * trial.size / sum(checked)
    without = 2 * trial.size / sum(unchecked)
    return Taken(
        figures={WITH: with_schema, WITHOUT: without, LOST: 100 * (1 - with_schema / without)},
        raw={"checked_seconds": checked, "unchecked_seconds": unchecked},
    )


VALIDATED = Workload(
    slug="validated",
    about="runs of one step that returns ten fields, held against their schema or against {}",
    needs="singles",
    figures={WITH: "steps/s", WITHOUT: "steps/s", LOST: "%"},
    cases=(Case(size=15_000, quick=5_000),),
    measure=_measure,
    only=(OURS,),
    seconds=0,
)
