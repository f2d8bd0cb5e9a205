"""A model of the engine in plain Python, and a machine that holds the engine against it.

| what | where |
|---|---|
| what there is | `state.py` |
| what each call about tasks and workers does, and answers | `oracle.py` |
| signals, and what happens at a time | `timed.py` |
| what follows inside runs: beginnings, skips, ends | `course.py`, `conditions.py` |
| steps and flows as they are drawn | `shapes.py`, `flows.py` |
| the programs that Hypothesis writes, and the calls they are made of | `machine.py`, `playing.py` |
| oracle and tables side by side | `recount.py` |
| bugs that must be found | `planted_bugs.py` |

The oracle was written from docs/ (state_machine, conditions, failures, waiting, sub_flows) and not
from the SQL: where both disagree, one of them is wrong. What the documentation leaves open it
does as the engine: the order of what is ready at once, where one of it fails the run, and the order
of what is due at once. A new kind of step is one branch of `Course._begin`, a new function one
method of the oracle and one rule of the machine. Maps of sub-flows are not drawn.
"""
