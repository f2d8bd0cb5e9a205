import type { SchemaFault } from "./errors.ts";
import { isRecord, schemaFaults, textOf } from "./errors.ts";

/** What a flow takes and gives, as types. */
export interface FlowTypes {
  readonly payload: unknown;
  /** What each step returns, by slug. */
  readonly results: object;
  /** The results of the leaf steps, by slug. */
  readonly output: object;
}

export type RunStatus = "started" | "completed" | "failed" | "cancelled";
export type StepStatus = "created" | "started" | "completed" | "failed" | "cancelled";

/** Why a run or an attempt of a step failed, as the worker or the engine wrote it down. */
export interface ErrorReport {
  /** `PF603` and so on, where there is one. */
  readonly code: string | null;
  /** Name of the exception class in the worker. */
  readonly type: string | null;
  readonly message: string;
  readonly traceback: string | null;
  /** What did not fit, when a result was refused by its schema (PF606). */
  readonly errors: readonly SchemaFault[];
}

interface StepFacts<Slug> {
  readonly slug: Slug;
  /** How many attempts were counted so far, the one that runs included. */
  readonly attempts: number;
  /** ISO 8601 with an offset, as all times here. */
  readonly startedAt: string | null;
  readonly endedAt: string | null;
  /** Whether a worker holds the lease at this moment. */
  readonly running: boolean;
  readonly worker: string | null;
  /** When the next attempt may begin, after one that failed. */
  readonly retryAt: string | null;
}

interface CompletedStep<Result> {
  readonly status: "completed";
  readonly result: Result;
  readonly error: null;
}

interface OtherStep {
  readonly status: Exclude<StepStatus, "completed">;
  readonly result: null;
  /** Why the last attempt failed. */
  readonly error: ErrorReport | null;
}

/** One step of a run; `slug` and `status` together say what `result` is. */
export type StepSnapshot<F extends FlowTypes> = {
  readonly [Slug in keyof F["results"] & string]: StepFacts<Slug> &
    (CompletedStep<F["results"][Slug]> | OtherStep);
}[keyof F["results"] & string];

interface RunFacts<F extends FlowTypes> {
  readonly runId: string;
  readonly flowSlug: string;
  /** The version of the flow that the run keeps to its end. */
  readonly version: number;
  readonly owner: string;
  readonly payload: F["payload"];
  readonly startedAt: string;
  /** In topological order. */
  readonly steps: readonly StepSnapshot<F>[];
}

export interface StartedRun<F extends FlowTypes> extends RunFacts<F> {
  readonly status: "started";
  readonly output: null;
  readonly error: null;
  readonly endedAt: null;
}

export interface CompletedRun<F extends FlowTypes> extends RunFacts<F> {
  readonly status: "completed";
  /** The results of the leaf steps, by slug. */
  readonly output: F["output"];
  readonly error: null;
  readonly endedAt: string;
}

export interface FailedRun<F extends FlowTypes> extends RunFacts<F> {
  readonly status: "failed";
  readonly output: null;
  readonly error: ErrorReport | null;
  readonly endedAt: string;
}

export interface CancelledRun<F extends FlowTypes> extends RunFacts<F> {
  readonly status: "cancelled";
  readonly output: null;
  /** Its message is the reason that was given. */
  readonly error: ErrorReport | null;
  readonly endedAt: string;
}

export type EndedRun<F extends FlowTypes> = CompletedRun<F> | FailedRun<F> | CancelledRun<F>;

/** A run and all its steps, read at one moment; `status` says which of the four it is. */
export type RunSnapshot<F extends FlowTypes> = StartedRun<F> | EndedRun<F>;

/** One line of a list of runs. */
export interface RunSummary {
  readonly runId: string;
  readonly flowSlug: string;
  readonly version: number;
  readonly status: RunStatus;
  readonly owner: string;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** A row or document of the database, with its names in snake_case. */
type Row = Readonly<Record<string, unknown>>;

function snapshotOf<F extends FlowTypes>(row: Row): RunSnapshot<F> {
  const steps = (row["steps"] as readonly Row[]).map((step) => ({
    ...inCamelCase(step),
    error: errorReport(step["error"]),
  }));
  const run = { ...inCamelCase(row), error: errorReport(row["error"]), steps };
  return run as unknown as RunSnapshot<F>;
}

function summaryOf(row: Row): RunSummary {
  return inCamelCase(row) as unknown as RunSummary;
}

/** Rename the keys of *row* itself; what is the user's, below them, stays as it is. */
function inCamelCase(row: Row): Row {
  const renamed = Object.entries(row).map(([key, value]) => [
    key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    value,
  ]);
  return Object.fromEntries(renamed) as Row;
}

function errorReport(value: unknown): ErrorReport | null {
  if (value === null || value === undefined) return null;
  const told = isRecord(value) ? value : { message: String(value) };
  return {
    code: textOf(told["code"]),
    type: textOf(told["type"]),
    message: textOf(told["reason"]) ?? textOf(told["message"]) ?? "",
    traceback: textOf(told["traceback"]),
    errors: schemaFaults(told["errors"]),
  };
}

export { snapshotOf, summaryOf };
export type { Row };
