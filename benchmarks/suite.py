"""Take the measurements: contenders in turns within a round, and in another order each round.

Nothing that fails ends the suite, and nothing that is missing is left out without its reason.
"""

import random
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from benchmarks.child import ContenderFailedError
from benchmarks.measure import OURS, Bench, Case, Taken, Trial, Workload
from benchmarks.results import Measurement, Missing, Results

Say = Callable[[str], None]
_MOST_FAILURES = 2
_LONG_ENOUGH = 5
"""A calibration that took less than this part of what a measurement takes is no measure yet."""
_MOST_GROWTH = 16
_CALIBRATION = 0
"""The round that does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A contender as the suite sees it."""

    name: str
    module: str
    can: Sequence[str] = ()
    cannot: Mapping[str, str] = field(default_factory=dict[str, str])
    trouble: str = ""
    """Why it could not even be set up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """One call of the suite."""

    bench: Bench
    entrants: Sequence[Entrant]
    rounds: int
    results: Results
    say: Say

    def run(self, workload: Workload) -> None:
        """Take every measurement of a workload."""
        self.say(f"\n{workload.slug}: {workload.about}")
        began = monotonic()
        rounds = min(self.rounds, workload.most_rounds or self.rounds)
        sizes: dict[tuple[str, str], int] = {}
        failures: dict[tuple[str, str], int] = {}
        able = {entrant.name: entrant for entrant in self._able(workload)}
        for number in range(1, rounds + 1):
            for case in workload.cases:
                names = list(able)
                # not by the clock, so that a call can be repeated as it was
                random.Random(f"{workload.slug} {case.name} {number}").shuffle(names)
                for name in names:
                    key = (name, case.name)
                    if failures.get(key, 0) >= _MOST_FAILURES:
                        continue
                    measured = (name, "" if workload.one_size else case.name)
                    if measured not in sizes:
                        size = self._size(workload, case, able[name])
                        if size is None:
                            failures[key] = _MOST_FAILURES
                            continue
                        sizes[measured] = size
                    if self._take(workload, case, able[name], sizes[measured], number) is None:
                        failures[key] = failures.get(key, 0) + 1
        self.say(f"  {monotonic() - began:.0f} s")

    @property
    def _contenders(self) -> list[str]:
        """All but the server itself, which is no engine."""
        return [entrant.name for entrant in self.entrants if entrant.module]

    def _able(self, workload: Workload) -> Iterator[Entrant]:
        """Yield who can do it, and write down why others cannot."""
        for entrant in self.entrants:
            if entrant.name not in (workload.only or self._contenders):
                continue
            if not entrant.trouble and (not workload.needs or workload.needs in entrant.can):
                yield entrant
                continue
            reason = entrant.trouble or entrant.cannot.get(workload.needs, "it does not say why")
            self._miss(
                Missing(
                    workload=workload.slug,
                    case="",
                    contender=entrant.name,
                    kind="failed" if entrant.trouble else "cannot",
                    reason=reason,
                )
            )

    def _size(self, workload: Workload, case: Case, entrant: Entrant) -> int | None:
        """Return how many runs or items are measured, or None when not even a few went well."""
        scale = self.bench.scale
        if self.bench.quick or workload.seconds == 0:
            look = self.bench.quick and (entrant.name != OURS or workload.seconds == 0)
            return max(2, int((case.quick if look else case.size) * scale))
        least, most = max(2, int(case.least * scale)), max(2, int(case.size * scale))
        few = max(least, int(case.quick * scale / 2))
        while True:
            taken = self._take(workload, case, entrant, few, _CALIBRATION)
            if taken is None:
                return None
            times = workload.seconds / max(taken.seconds, 0.001)
            if few * times >= most or times < _LONG_ENOUGH:
                return max(least, min(most, int(few * times)))
            # so short that what comes once, such as waiting for a poll, would pass for slowness
            few = min(most, int(few * min(times / 2, _MOST_GROWTH)))

    def _take(
        self, workload: Workload, case: Case, entrant: Entrant, size: int, number: int
    ) -> Taken | None:
        trial = Trial(
            contender=entrant.name, module=entrant.module, case=case, size=size, round=number
        )
        try:
            taken = workload.measure(self.bench, trial)
        except ContenderFailedError as error:
            self._fail(workload, trial, str(error))
            return None
        except Exception as error:
            self._fail(workload, trial, "".join(traceback.format_exception_only(error)).strip())
            return None
        if number != _CALIBRATION:
            self._keep(workload, trial, taken)
        return taken

    def _keep(self, workload: Workload, trial: Trial, taken: Taken) -> None:
        self.results.measurements.append(
            Measurement(
                workload=workload.slug,
                case=trial.case.name,
                contender=trial.contender,
                round=trial.round,
                size=trial.size,
                figures=dict(taken.figures),
                raw=dict(taken.raw),
            )
        )
        name, value = next(iter(taken.figures.items()))
        self.say(
            f"  round {trial.round}: {trial.contender:<14} {value:>12,.2f} "
            f"{workload.figures[name]:<9} {trial.case.name} (size {trial.size:,})"
        )

    def _fail(self, workload: Workload, trial: Trial, reason: str) -> None:
        self._miss(
            Missing(
                workload=workload.slug,
                case=trial.case.name,
                contender=trial.contender,
                kind="failed",
                reason=reason,
                round=trial.round,
            )
        )

    def _miss(self, missing: Missing) -> None:
        self.results.missing.append(missing)
        self.say(f"  {missing.contender} {missing.kind} {missing.case}: {missing.reason}")


def told_by(name: str, module: str, described: Mapping[str, Any]) -> Entrant:
    """Return the entrant that describes itself so."""
    return Entrant(
        name=name,
        module=module,
        can=[str(one) for one in described["can"]],
        cannot={str(key): str(value) for key, value in described["cannot"].items()},
    )
