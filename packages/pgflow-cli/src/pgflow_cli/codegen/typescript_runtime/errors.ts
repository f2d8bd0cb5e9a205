/** One way in which a value does not fit its schema. */
export interface SchemaFault {
  /** JSON pointer to the part that does not fit; "" is the whole value. */
  readonly at: string;
  readonly keyword: string;
  readonly message: string;
}

interface ErrorFacts {
  readonly code?: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly hint?: string | null;
  readonly status?: number | null;
  readonly cause?: unknown;
}

/** A call was refused; `code` says why, for programs, and `hint` what to do, for people. */
export class PgflowError extends Error {
  override readonly name: string = "PgflowError";
  /** `PF202` and so on, else the code of PostgREST or PostgreSQL; null where this client refused. */
  readonly code: string | null;
  /** Facts about the error, for programs. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly hint: string | null;
  /** The HTTP status of the answer; null where there was none. */
  readonly status: number | null;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, "cause" in facts ? { cause: facts.cause } : undefined);
    this.code = facts.code ?? null;
    this.details = facts.details ?? {};
    this.hint = facts.hint ?? null;
    this.status = facts.status ?? null;
  }

  /** What did not fit, where a value was refused by its schema (PF202). */
  get errors(): readonly SchemaFault[] {
    return schemaFaults(this.details["errors"]);
  }
}

/** The database could not be reached, or not for long enough; trying again may help. */
export class UnreachableError extends PgflowError {
  override readonly name: string = "UnreachableError";
}

/** The run had not ended when the time was up; it goes on. */
export class WaitTimeoutError extends PgflowError {
  override readonly name: string = "WaitTimeoutError";
}

/** The run or the step has no result to give. */
export class NotCompletedError extends PgflowError {
  override readonly name: string = "NotCompletedError";
}

/** The run failed. */
export class RunFailedError extends NotCompletedError {
  override readonly name: string = "RunFailedError";
}

/** The run was cancelled. */
export class RunCancelledError extends NotCompletedError {
  override readonly name: string = "RunCancelledError";
}

/** Build the error for a body such as PostgREST and supabase-js give: code, message, details, hint. */
function refusal(body: unknown, status: number | null, cause: unknown): PgflowError {
  const told = isRecord(body) ? body : {};
  const message = textOf(told["message"]) ?? (status === null ? "no answer" : `HTTP status ${status}`);
  const facts = {
    code: textOf(told["code"]) || null,
    details: detailsOf(told["details"]),
    hint: textOf(told["hint"]),
    status,
    cause,
  };
  if (facts.code !== null && /^PF\d{3}$/.test(facts.code)) return new PgflowError(message, facts);
  // supabase-js reports a lost connection with the status 0 and an empty code
  if (facts.code === null ? !status : UNREACHABLE_STATUSES.has(status ?? 0)) {
    return new UnreachableError(message, facts);
  }
  const mend = facts.code === null ? undefined : MENDS.get(facts.code);
  if (mend === undefined) return new PgflowError(message, facts);
  const details = { ...facts.details, code: facts.code };
  return new PgflowError(message, { ...facts, code: mend.code, details, hint: mend.hint });
}

/** What gateways and PostgREST answer while they or the database are away, or too busy. */
const UNREACHABLE_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

const NOT_STORABLE = { code: "PF208", hint: "remove it from the value before sending" };
const NOT_EXPOSED = {
  code: "PF501",
  hint:
    "run `pgflow migrate`, add pgflow to the schemas that PostgREST exposes, and reload its schema " +
    "cache: notify pgrst, 'reload schema'",
};

/** Codes of PostgreSQL and PostgREST that have a meaning of their own in calls of pgflow. */
const MENDS: ReadonlyMap<string, { readonly code: string; readonly hint: string }> = new Map([
  ["22P02", NOT_STORABLE],
  ["22P05", NOT_STORABLE],
  ["22003", NOT_STORABLE],
  ["22021", NOT_STORABLE],
  ["54000", NOT_STORABLE],
  ["54001", NOT_STORABLE],
  ["42501", { code: "PF401", hint: "sign in, or grant the role of the caller pgflow_client" }],
  ["42883", NOT_EXPOSED],
  ["3F000", NOT_EXPOSED],
  ["PGRST106", NOT_EXPOSED],
  ["PGRST202", NOT_EXPOSED],
]);

/** Read the DETAIL of an error: JSON when pgflow raised it, any text when another did. */
function detailsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  if (typeof value !== "string" || value === "") return {};
  try {
    const parsed: unknown = JSON.parse(value);
    if (isRecord(parsed)) return parsed;
  } catch {
    // not JSON, so not pgflow's
  }
  return { detail: value };
}

function schemaFaults(value: unknown): readonly SchemaFault[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((fault) => ({
    at: textOf(fault["at"]) ?? "",
    keyword: textOf(fault["keyword"]) ?? "",
    message: textOf(fault["message"]) ?? "",
  }));
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}

export { detailsOf, isRecord, refusal, schemaFaults, textOf };
