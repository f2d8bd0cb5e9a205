"""Remember what was found out about a type: flows use the same few types again and again."""

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import ParamSpec, TypeVar, cast

_P = ParamSpec("_P")
_T = TypeVar("_T")


def remembered(fn: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make *fn* remember its last 512 answers; arguments that cannot be hashed are asked anew."""
    cached = cast("Callable[_P, _T]", lru_cache(512)(fn))

    @wraps(fn)
    def ask(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        try:
            hash(args)
        except TypeError:
            return fn(*args, **kwargs)
        return cached(*args, **kwargs)

    return ask
