"""The contract that every pgflow package, in any language, agrees on.

Start with `Manifest` (models.py), `load_manifest` (codec.py) and the table of errors (errors.py).

What needs pydantic is imported when it is first asked for: pydantic takes ten times as long to load
as all the rest, and most who import this package want its errors only.
"""

import importlib
import typing

from pgflow_manifest.database_url import URL_VARIABLES, mask_secrets
from pgflow_manifest.error_codes import (
    ERRORS_BY_CODE,
    error_from_sqlstate,
)
from pgflow_manifest.errors import (
    BatchInvalidError,
    ConflictError,
    ContractDiffersError,
    CycleError,
    DefinitionError,
    DependencyCycleError,
    DepNotFoundError,
    DiscoveryError,
    DuplicateStepError,
    EngineError,
    FlowNotFoundError,
    ForbiddenError,
    HandlerMissingError,
    HandlerSignatureError,
    InvalidArgumentError,
    InvalidSlugError,
    IsolationError,
    LeaseLostError,
    ManifestError,
    ManifestInvalidError,
    ManifestVersionError,
    NotFoundError,
    NotStorableError,
    OptionOutOfRangeError,
    PayloadInvalidError,
    PayloadTooLargeError,
    PgflowError,
    ResultTypeError,
    RunFinishedError,
    RunIdTakenError,
    RunNotFoundError,
    SchemaInvalidError,
    SchemaTooNewError,
    SchemaVersionError,
    SignalNotAwaitedError,
    SignalSentError,
    SlugInvalidError,
    StepNotFoundError,
    UnknownDepError,
    ValidationLimitError,
    WorkerNotFoundError,
)
from pgflow_manifest.file_name import MANIFEST_FILE_NAME
from pgflow_manifest.graph import CycleFoundError, topological_order
from pgflow_manifest.ids import RunId
from pgflow_manifest.limits import DEFAULT_MAX_BYTES, MAX_JSON_DEPTH, MAX_JSONB_BYTES
from pgflow_manifest.slug import slug_problem
from pgflow_manifest.statuses import (
    ATTEMPT_OUTCOMES,
    RUN_STATUSES,
    SKIP_REASONS,
    STEP_STATUSES,
    TERMINAL_STATUSES,
    WORKER_STATUSES,
    RunStatus,
    SkipReason,
    StepKind,
    StepStatus,
)
from pgflow_manifest.task_errors import (
    ArgumentsInvalidError,
    ConditionUnmetError,
    HandlerRaisedError,
    HandlerTimeoutError,
    LeaseExpiredError,
    NotAListError,
    ResultInvalidError,
    ResultLimitError,
    ResultNotSerializableError,
    ResultTooLargeError,
    RunDeadlineError,
    SleepInvalidError,
    SubFlowError,
    TaskError,
)

if typing.TYPE_CHECKING:
    from pgflow_manifest.changes import Change, ChangeKind, manifest_changes, worst_change
    from pgflow_manifest.codec import (
        dump_manifest,
        load_manifest,
        read_manifest,
        write_manifest,
    )
    from pgflow_manifest.conditions import (
        AllOf,
        Comparison,
        Condition,
        Contains,
        LengthOperand,
        Not,
        OneOf,
        Operand,
        OperandTest,
        OrElseOperand,
        ValueOperand,
        operands_of,
    )
    from pgflow_manifest.digest import (
        with_digests,
    )
    from pgflow_manifest.format_schema import dump_manifest_json_schema, manifest_json_schema
    from pgflow_manifest.inferred import (
        ClassShape,
        CollectionShape,
        EnumMemberShape,
        FieldShape,
        FixedTupleShape,
        InferredResult,
        LiteralShape,
        MapShape,
        NoneShape,
        ObjectShape,
        ScalarShape,
        Shape,
        UnionShape,
    )
    from pgflow_manifest.models import (
        FORMAT_VERSION,
        Backoff,
        FlowOptions,
        FlowSpec,
        Input,
        JsonSchema,
        Manifest,
        OnFailure,
        Over,
        StepOptions,
        StepSpec,
        WhenUnmet,
    )
    from pgflow_manifest.schema_keywords import SchemaDifference
    from pgflow_manifest.shown_conditions import shown_condition, shown_source
    from pgflow_manifest.sources import EachInput, ErrorInput, PayloadInput, ResultInput
    from pgflow_manifest.subtyping import schema_difference
else:
    _WITH_MODELS = (
        *(
            "models",
            "sources",
            "conditions",
            "shown_conditions",
            "inferred",
            "codec",
            "digest",
            "format_schema",
            "changes",
            "subtyping",
        ),
    )

    # Of no concern to type checkers, which would take every misspelt name for an import from here.
    def __getattr__(name: str) -> object:
        """Return what one of the modules with models exports as *name*."""
        if name in __all__:
            for module_name in _WITH_MODELS:
                module = importlib.import_module(f"{__name__}.{module_name}")
                if (found := vars(module).get(name)) is not None:
                    return globals().setdefault(name, found)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})


__all__ = [
    "ATTEMPT_OUTCOMES",
    "DEFAULT_MAX_BYTES",
    "ERRORS_BY_CODE",
    "FORMAT_VERSION",
    "MANIFEST_FILE_NAME",
    "MAX_JSONB_BYTES",
    "MAX_JSON_DEPTH",
    "RUN_STATUSES",
    "SKIP_REASONS",
    "STEP_STATUSES",
    "TERMINAL_STATUSES",
    "URL_VARIABLES",
    "WORKER_STATUSES",
    "AllOf",
    "ArgumentsInvalidError",
    "Backoff",
    "BatchInvalidError",
    "Change",
    "ChangeKind",
    "ClassShape",
    "CollectionShape",
    "Comparison",
    "Condition",
    "ConditionUnmetError",
    "ConflictError",
    "Contains",
    "ContractDiffersError",
    "CycleError",
    "CycleFoundError",
    "DefinitionError",
    "DepNotFoundError",
    "DependencyCycleError",
    "DiscoveryError",
    "DuplicateStepError",
    "EachInput",
    "EngineError",
    "EnumMemberShape",
    "ErrorInput",
    "FieldShape",
    "FixedTupleShape",
    "FlowNotFoundError",
    "FlowOptions",
    "FlowSpec",
    "ForbiddenError",
    "HandlerMissingError",
    "HandlerRaisedError",
    "HandlerSignatureError",
    "HandlerTimeoutError",
    "InferredResult",
    "Input",
    "InvalidArgumentError",
    "InvalidSlugError",
    "IsolationError",
    "JsonSchema",
    "LeaseExpiredError",
    "LeaseLostError",
    "LengthOperand",
    "LiteralShape",
    "Manifest",
    "ManifestError",
    "ManifestInvalidError",
    "ManifestVersionError",
    "MapShape",
    "NoneShape",
    "Not",
    "NotAListError",
    "NotFoundError",
    "NotStorableError",
    "ObjectShape",
    "OnFailure",
    "OneOf",
    "Operand",
    "OperandTest",
    "OptionOutOfRangeError",
    "OrElseOperand",
    "Over",
    "PayloadInput",
    "PayloadInvalidError",
    "PayloadTooLargeError",
    "PgflowError",
    "ResultInput",
    "ResultInvalidError",
    "ResultLimitError",
    "ResultNotSerializableError",
    "ResultTooLargeError",
    "ResultTypeError",
    "RunDeadlineError",
    "RunFinishedError",
    "RunId",
    "RunIdTakenError",
    "RunNotFoundError",
    "RunStatus",
    "ScalarShape",
    "SchemaDifference",
    "SchemaInvalidError",
    "SchemaTooNewError",
    "SchemaVersionError",
    "Shape",
    "SignalNotAwaitedError",
    "SignalSentError",
    "SkipReason",
    "SleepInvalidError",
    "SlugInvalidError",
    "StepKind",
    "StepNotFoundError",
    "StepOptions",
    "StepSpec",
    "StepStatus",
    "SubFlowError",
    "TaskError",
    "UnionShape",
    "UnknownDepError",
    "ValidationLimitError",
    "ValueOperand",
    "WhenUnmet",
    "WorkerNotFoundError",
    "dump_manifest",
    "dump_manifest_json_schema",
    "error_from_sqlstate",
    "load_manifest",
    "manifest_changes",
    "manifest_json_schema",
    "mask_secrets",
    "operands_of",
    "read_manifest",
    "schema_difference",
    "shown_condition",
    "shown_source",
    "slug_problem",
    "topological_order",
    "with_digests",
    "worst_change",
    "write_manifest",
]
