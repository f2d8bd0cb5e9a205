"""Write types that are known into the source that lacks them: what `pgflow annotate` does.

Start with `plan.py`. Sources are changed by edits at places that `ast` names, so that everything
else stays as it is, byte by byte: `source_file.py`. A type is written in the names of the module it
is written into: `type_text.py` asks `module_names.py` for each name, which imports what is missing
(`imports.py`) unless that would make a circle (`import_cycles.py`). Dicts whose keys are known
become TypedDicts: `typed_dicts.py`.
"""
