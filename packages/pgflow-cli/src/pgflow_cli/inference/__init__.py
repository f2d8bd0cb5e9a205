"""Infer what handlers without a return annotation return, when flows are compiled.

The way through these files: `inferring.py` runs it, `planning.py` reads the source, `pyrefly.py`
asks the type checker, `folding.py` puts both together.
"""

from pgflow_cli.inference.inferring import infer_flows

__all__ = ["infer_flows"]
