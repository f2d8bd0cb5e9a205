"""Typed clients from a manifest: `pgflow codegen`.

`declarations.py` turns the JSON Schemas of a manifest into the types of `type_model.py`, which know
no language; `python.py` and `typescript.py` write them down.
"""
