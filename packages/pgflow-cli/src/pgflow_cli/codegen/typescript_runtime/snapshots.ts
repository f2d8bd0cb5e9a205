/** What a flow takes and gives, as types. */
export type FlowTypes = {
  payload: unknown;
  /** What each step returns, by slug. */
  results: { [step: string]: unknown };
  /** The results of the leaf steps, by slug. */
  output: unknown;
  /** What may be sent to each signal, by slug. */
  signals: { [signal: string]: unknown };
};

export type RunStatus = "started" | "completed" | "failed" | "cancelled";

/** One way in which a value does not fit its schema. */
export type SchemaFault = {
  /** JSON pointer to the part that does not fit; "" is the whole value. */
  at: string;
  keyword: string;
  message: string;
};

/** Why a run or an attempt of a step failed, as the worker or the engine wrote it down. */
export type ErrorReport = {
  message: string;
  /** `PF603` and so on, where there is one. */
  code?: string | null;
  /** Name of the exception class in the worker. */
  type?: string | null;
  traceback?: string | null;
  /** What did not fit, when a result was refused by its schema (PF606). */
  errors?: SchemaFault[];
  /** Which item of a map step it was about, from 0. */
  task_index?: number;
  /** The step that failed; in the error of a run. */
  step?: string;
  /** What was given to `cancel`; in the error of a run. */
  reason?: string;
};

/** How far a map step is: its tasks, one for each item of the list, by state. */
export type TaskCounts = {
  total: number;
  completed: number;
  /** How many failed for good and left null in the list, as `on_failure="skip"` has it. */
  skipped: number;
  running: number;
  waiting: number;
};

export type StepKind = "single" | "map" | "signal" | "sleep" | "flow" | "failure";

/** Why a step was skipped: by its condition, with a dep, or since it failed for good. */
export type SkipReason = "condition_unmet" | "dependency_skipped" | "handler_failed";

/** A step waited for the signal; none does yet; or the same was sent before. */
export type SignalOutcome = "completed" | "kept" | "repeated";

type StepFacts<Slug> = {
  slug: Slug;
  kind: StepKind;
  /** Of a map step that has begun; otherwise null. */
  tasks: TaskCounts | null;
  /** How many attempts were counted so far, the one that runs included. */
  attempts: number;
  /** ISO 8601 with an offset, as all times here. */
  started_at: string | null;
  ended_at: string | null;
  /** Whether a worker holds the lease at this moment. */
  running: boolean;
  worker: string | null;
  /** When the next attempt may begin, after one that failed. */
  retry_at: string | null;
  /** The run of a sub-flow that the step has started. */
  sub_run_id?: string | null;
};

/** One step of a run; `slug` and `status` together say what `result` is. */
export type StepSnapshot<F extends FlowTypes = FlowTypes> = {
  [Slug in keyof F["results"] & string]: StepFacts<Slug> &
    (
      | { status: "completed"; result: F["results"][Slug]; error: null; skip_reason?: null }
      | { status: "skipped"; result: null; error: ErrorReport | null; skip_reason: SkipReason }
      | {
          status: "created" | "started" | "failed" | "cancelled";
          result: null;
          error: ErrorReport | null;
          skip_reason?: null;
        }
    );
}[keyof F["results"] & string];

type RunFacts<F extends FlowTypes> = {
  run_id: string;
  flow_slug: string;
  /** The run whose step has started this one, as a sub-flow. */
  parent_run_id?: string | null;
  /** The version of the flow that the run keeps to its end. */
  version: number;
  owner: string;
  payload: F["payload"];
  started_at: string;
  /** In topological order. */
  steps: StepSnapshot<F>[];
};

export type StartedRun<F extends FlowTypes = FlowTypes> = RunFacts<F> & {
  status: "started";
  output: null;
  error: null;
  ended_at: null;
};

export type CompletedRun<F extends FlowTypes = FlowTypes> = RunFacts<F> & {
  status: "completed";
  /** The results of the leaf steps, by slug. */
  output: F["output"];
  error: null;
  ended_at: string;
};

export type FailedRun<F extends FlowTypes = FlowTypes> = RunFacts<F> & {
  status: "failed" | "cancelled";
  output: null;
  error: ErrorReport;
  ended_at: string;
};

/** A run and all its steps, read at one moment: the document of `pgflow.get_run`. */
export type RunSnapshot<F extends FlowTypes = FlowTypes> =
  StartedRun<F> | CompletedRun<F> | FailedRun<F>;

/** One line of a list of runs. */
export type RunSummary = {
  run_id: string;
  flow_slug: string;
  version: number;
  status: RunStatus;
  owner: string;
  started_at: string;
  ended_at: string | null;
};
