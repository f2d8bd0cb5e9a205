"""Names that are good in every language that we emit, so that things are called the same in all."""

import builtins
import itertools
import keyword
import re
import unicodedata
from collections.abc import Collection
from typing import Final

_TYPESCRIPT_WORDS: Final = """
    arguments await break case catch class const continue debugger default delete do else enum eval
    export extends false finally for function if implements import in instanceof interface let new
    null package private protected public return static super switch this throw true try typeof
    undefined var void while with yield fetch globalThis Infinity NaN
"""
_TYPESCRIPT_TYPES: Final = """
    AbortController AbortSignal AggregateError Array ArrayBuffer AsyncGenerator AsyncIterable
    AsyncIterator Awaited BigInt Blob Boolean Buffer Capitalize Date Error Event EventTarget Exclude
    Extract File FormData Function Generator Headers InstanceType Intl Iterable Iterator JSON
    Lowercase Map Math NonNullable Number Object Omit Parameters Partial Pick Promise PromiseLike
    PropertyKey Proxy Readonly ReadonlyArray ReadonlyMap ReadonlySet Record Reflect RegExp Request
    Required Response ReturnType Set String Symbol Text TypeError Uncapitalize Uppercase URL
    URLSearchParams WeakMap WeakRef WeakSet
"""
_TYPESCRIPT_DECLARED: Final = """
    CallOptions CompletedRun ErrorFacts ErrorReport FailedRun FlowRef Flows FlowsClient
    FlowsConnection FlowTypes Json ListOptions NoResultError PgflowError PostgrestOptions RpcCall
    RpcRequest RunFacts RunFailedError RunHandle RunSnapshot RunStatus RunSummary SchemaFault
    SignalOutcome SkipReason StartedRun StartOptions StepFacts StepKind StepSnapshot SupabaseLike
    TaskCounts UnreachableError WaitOptions WaitTimeoutError
"""
_PYTHON_NAMES: Final = """
    annotations overload Any AsyncClient AsyncRunHandle Client Dict FlowRef Json List Literal
    NotRequired Optional Protocol RunHandle SignalRef Tuple TypeAlias TypeAliasType TypedDict Union
"""
# What the module `site` adds is not there in every interpreter.
_PYTHON_BUILTINS: Final = {name for name in dir(builtins) if not name.startswith("_")} - {
    *("copyright", "credits", "exit", "help", "license", "quit"),
}

RESERVED_NAMES: Final = frozenset(
    {
        *keyword.kwlist,
        *_PYTHON_BUILTINS,
        *re.findall(r"\w+", _PYTHON_NAMES),
        *re.findall(r"\w+", _TYPESCRIPT_WORDS),
        *re.findall(r"\w+", _TYPESCRIPT_TYPES),
        *re.findall(r"\w+", _TYPESCRIPT_DECLARED),
    }
)
"""Keywords, built-ins, and what the generated modules import or declare for themselves."""


def type_name(text: str) -> str:
    """Return *text* as the name of a type: as it is if it can be, else its words in CamelCase."""
    plain = unicodedata.normalize("NFKC", text)
    if plain.isidentifier() and plain.strip("_") == plain:
        return plain[0].upper() + plain[1:]
    name = camel_case(plain)
    return name if name.isidentifier() else f"Type{name}"


def camel_case(text: str) -> str:
    """Return the words of *text* with a capital each: `voice_memo` gives `VoiceMemo`."""
    words = re.split(r"[\W_]+", text)
    return "".join(word[:1].upper() + word[1:] for word in words)


def free_name(wanted: str, suffix: str, taken: Collection[str]) -> str:
    """Return *wanted* if it is free, else with *suffix* after it, and with a number if need be."""
    tries = itertools.chain(
        (wanted, f"{wanted}{suffix}"),
        (f"{wanted}{suffix}{number}" for number in itertools.count(2)),
    )
    return next(name for name in tries if name not in taken)
