import type { ErrorReport, FailedRun, SchemaFault } from "./snapshots.ts";

type ErrorFacts = {
  code?: string | null;
  details?: { [name: string]: unknown };
  hint?: string | null;
  status?: number | null;
  cause?: unknown;
};

/** A call was refused; `code` says why, for programs, and `hint` what to do, for people. */
export class PgflowError extends Error {
  override readonly name: string = "PgflowError";
  /** `PF202` and so on, else the code of PostgREST or PostgreSQL; null where this client refused. */
  readonly code: string | null;
  /** Facts about the error, for programs. */
  readonly details: { [name: string]: unknown };
  readonly hint: string | null;
  /** The HTTP status of the answer; null where there was none. */
  readonly status: number | null;

  constructor(message: string, facts: ErrorFacts = {}) {
    super(message, facts);
    this.code = facts.code ?? null;
    this.details = facts.details ?? {};
    this.hint = facts.hint ?? null;
    this.status = facts.status ?? null;
  }

  /** What did not fit, where a value was refused by its schema (PF202, PF606). */
  get errors(): SchemaFault[] {
    return (this.details["errors"] ?? []) as SchemaFault[];
  }
}

/** The database could not be reached, or the answer was lost; a start may still have been done. */
export class UnreachableError extends PgflowError {
  override readonly name: string = "UnreachableError";
}

/** The run had not ended when the time was up; it goes on. */
export class WaitTimeoutError extends PgflowError {
  override readonly name: string = "WaitTimeoutError";
}

/** The step has no result to give, or none yet. */
export class NoResultError extends PgflowError {
  override readonly name: string = "NoResultError";
}

/** The run failed or was cancelled; `code` and `details` are those of its error. */
export class RunFailedError extends PgflowError {
  override readonly name: string = "RunFailedError";
  readonly run: FailedRun;

  constructor(run: FailedRun) {
    const { step, code = null } = run.error;
    const why = `${step === undefined ? "" : `step ${step}: `}${described(run.error)}`;
    const what = run.status === "failed" ? "failed" : "was cancelled";
    const hint = `\`pgflow runs show ${run.run_id} --attempts\` shows every attempt`;
    super(`run ${run.run_id} of flow ${run.flow_slug} ${what}: ${why}`, {
      code,
      details: run.error,
      hint,
    });
    this.run = run;
  }
}

function described({ code, type, message, reason }: ErrorReport): string {
  return `${code ? `[${code}] ` : ""}${type ? `${type}: ` : ""}${reason ?? message}`;
}

/** Build the error for what PostgREST answers: code, message, hint, and details, a JSON text. */
function refusal(body: unknown, status: number): PgflowError {
  const told = (body ?? {}) as { code?: string; message?: string; details?: string; hint?: string };
  const code = told.code || null;
  const details = parsed(told.details ?? "");
  const facts = {
    code,
    details:
      typeof details === "object" && details !== null ? { ...details } : { detail: told.details },
    hint: HINTS.get(code ?? "") ?? told.hint ?? null,
    status,
    cause: body,
  };
  const message = told.message || `HTTP status ${status}`;
  const isAway = AWAY.has(status) && !code?.startsWith("PF");
  return isAway ? new UnreachableError(message, facts) : new PgflowError(message, facts);
}

/** What gateways and PostgREST answer while they are away or too busy; 0 is that of supabase-js. */
const AWAY: ReadonlySet<number> = new Set([0, 429, 502, 503, 504]);

const NOT_EXPOSED =
  "run `pgflow migrate`, add pgflow to the schemas that PostgREST exposes, and reload its schema " +
  "cache: notify pgrst, 'reload schema'";

const HINTS: ReadonlyMap<string, string> = new Map([
  ["42501", "sign in, or grant pgflow_client to the role of the caller"],
  ["PGRST106", NOT_EXPOSED],
  ["PGRST202", NOT_EXPOSED],
]);

/** Return the JSON of *text*, or undefined where it is none. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export { described, parsed, refusal };
