"""A model of the engine in plain Python, and a machine that holds the engine against it.

`state.py` is what there is, `oracle.py` what each call does to it and answers, `flows.py` the
graphs, `machine.py` the programs that Hypothesis writes, and `recount.py` reads the same out of the
tables. The oracle was written from docs/state_machine.md and not from the SQL: where both disagree,
one of them is wrong. A new kind of step is one branch of `Oracle._begin`, a new end of a step
one value of `StepState.status`, and a new function one method of the oracle and one rule of the
machine.
"""
