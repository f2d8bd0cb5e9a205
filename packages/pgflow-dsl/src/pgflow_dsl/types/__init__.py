"""What the DSL knows about types: which have an exact JSON form, where a path leads, what fits.

Nothing here knows flows or steps. In the order of reading: `annotations.py` takes types apart and
`walk.py` visits all of one; `exact_json.py`, `fields.py` and `round_trip.py` refuse what JSON
cannot hold; `json_type.py` puts these together; `lens.py` follows a path and `assignable.py` says
what fits an argument; `encode.py` and `decode.py` are what a worker runs. `from_inferred.py` makes
types of what was inferred, `untyped.py` looks at values of which no type is known, and `bound.py`
is the part that type checkers see.
"""
