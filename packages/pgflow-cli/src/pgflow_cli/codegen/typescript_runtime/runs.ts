import {
  NotCompletedError,
  PgflowError,
  RunCancelledError,
  RunFailedError,
  UnreachableError,
  WaitTimeoutError,
} from "./errors.ts";
import type {
  CompletedRun,
  EndedRun,
  ErrorReport,
  FlowTypes,
  Row,
  RunSnapshot,
  RunStatus,
  RunSummary,
} from "./snapshots.ts";
import { snapshotOf, summaryOf } from "./snapshots.ts";
import type { Call, Connection } from "./transport.ts";
import { callOver } from "./transport.ts";

/** A client of several flows: a `FlowRef` for each, by its slug. */
export type FlowsClient<All> = {
  readonly [Slug in keyof All]: All[Slug] extends FlowTypes ? FlowRef<All[Slug]> : never;
};

export interface CallOptions {
  /** Gives up when it is aborted; the promise is rejected with the reason of the signal. */
  readonly signal?: AbortSignal | undefined;
}

export interface StartOptions extends CallOptions {
  /**
   * The id that the run shall have, a UUID. With an id of your own a start may be sent again after
   * a lost connection: when the first one did arrive, the second is refused with PF303.
   */
  readonly runId?: string | undefined;
}

export interface ListOptions extends CallOptions {
  readonly status?: RunStatus | undefined;
  /** How many at most, up to 10000. Default: 50. */
  readonly limit?: number | undefined;
}

export interface WaitOptions extends CallOptions {
  /** Wait no longer than this; 0 looks once. Default: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** The longest pause between two looks; the first ones are shorter. Default: 1000. */
  readonly pollMs?: number | undefined;
}

/** A flow: start runs of it, or go on with one that was started elsewhere. */
export class FlowRef<F extends FlowTypes> {
  readonly slug: string;
  readonly #call: Call;

  constructor(slug: string, call: Call) {
    this.slug = slug;
    this.#call = call;
  }

  /**
   * Start a run.
   *
   * @throws {PgflowError} PF202 the payload does not fit, `errors` says where; PF101 the flow is
   *   not deployed; PF401 you may not start it; PF303 the `runId` of the options is taken.
   */
  async run(payload: F["payload"], options: StartOptions = {}): Promise<RunHandle<F>> {
    const { runId, signal } = options;
    if (payload === null && runId === undefined) {
      // PostgREST hands JSON null over as SQL null, but not within the array of `start_flows`
      const [only] = await this.runMany([payload], { signal });
      if (only !== undefined) return only;
    }
    jsonText(payload, "the payload");
    const args = { p_flow_slug: this.slug, p_payload: payload as unknown };
    const all = runId === undefined ? args : { ...args, p_run_id: checkedRunId(runId) };
    return this.handle(String(await this.#call("start_flow", all, signal)));
  }

  /** Start a run for each payload, all or none; the handles come in the order of the payloads. */
  async runMany(
    payloads: Iterable<F["payload"]>,
    options: CallOptions = {},
  ): Promise<readonly RunHandle<F>[]> {
    const texts = Array.from(payloads, (payload, index) => jsonText(payload, `payload ${index}`));
    // An array literal of PostgreSQL, as text: of a JSON array of arrays PostgREST would make one
    // array of two dimensions, and of JSON null SQL null.
    const literal = `{${texts.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
    const args = { p_flow_slug: this.slug, p_payloads: literal };
    const runIds = (await this.#call("start_flows", args, options.signal)) as readonly string[];
    return runIds.map((runId) => this.handle(runId));
  }

  /** Return a handle of a run of this flow that was started elsewhere. Nothing is sent. */
  handle(runId: string): RunHandle<F> {
    return new RunHandle<F>(checkedRunId(runId), this.slug, this.#call);
  }

  /** Read the runs of this flow that you may see, the newest first. */
  async list(options: ListOptions = {}): Promise<readonly RunSummary[]> {
    const { status = null, limit = 50, signal } = options;
    const args = { p_flow_slug: this.slug, p_status: status, p_limit: limit };
    return ((await this.#call("list_runs", args, signal)) as readonly Row[]).map(summaryOf);
  }
}

/** One run, to wait for, watch and cancel. It holds no state of the run. */
export class RunHandle<F extends FlowTypes> {
  /** The id of the run; whoever may see the run can go on with it by `FlowRef.handle`. */
  readonly runId: string;
  readonly #flowSlug: string;
  readonly #call: Call;

  constructor(runId: string, flowSlug: string, call: Call) {
    this.runId = runId;
    this.#flowSlug = flowSlug;
    this.#call = call;
  }

  /**
   * Read the run and all its steps as they are now.
   *
   * @throws {PgflowError} PF102 there is no such run, or it is not yours.
   */
  async get(options: CallOptions = {}): Promise<RunSnapshot<F>> {
    const row = (await this.#call("get_run", { p_run_id: this.runId }, options.signal)) as Row;
    if (row["flow_slug"] !== this.#flowSlug) {
      const flow = String(row["flow_slug"]);
      throw new PgflowError(`run ${this.runId} is of flow ${flow}, not of ${this.#flowSlug}`, {
        details: { run_id: this.runId, flow },
        hint: "take the handle from the flow that the run is of",
      });
    }
    return snapshotOf<F>(row);
  }

  /**
   * Return the run once it has completed.
   *
   * @throws {RunFailedError} It failed; names the steps that did, with their errors.
   * @throws {RunCancelledError} Somebody cancelled it.
   * @throws {WaitTimeoutError} It had not ended when the time was up.
   */
  async wait(options: WaitOptions = {}): Promise<CompletedRun<F>> {
    const run = await this.ended(options);
    if (run.status === "completed") return run;
    throw notCompleted(run);
  }

  /**
   * Return the run once it has ended, in whatever way.
   *
   * @throws {WaitTimeoutError} It had not ended when the time was up.
   */
  async ended(options: WaitOptions = {}): Promise<EndedRun<F>> {
    for await (const run of this.watch(options)) {
      if (run.status !== "started") return run;
    }
    throw new PgflowError(`watching run ${this.runId} ended before the run`);
  }

  /**
   * Return what a step returned, without waiting for it.
   *
   * @throws {NotCompletedError} It has no result, or none yet.
   */
  async result<Slug extends keyof F["results"] & string>(
    stepSlug: Slug,
    options: CallOptions = {},
  ): Promise<F["results"][Slug]> {
    const run = await this.get(options);
    const step = run.steps.find((one) => one.slug === stepSlug);
    const details = { run_id: run.runId, step: stepSlug, status: step?.status ?? null };
    const of = `run ${run.runId} of flow ${run.flowSlug}`;
    if (step === undefined) {
      const hint = `its steps are ${run.steps.map((one) => one.slug).join(", ")}`;
      throw new PgflowError(`${of} has no step ${stepSlug}`, { code: "PF103", details, hint });
    }
    if (step.status === "completed") return step.result as F["results"][Slug];
    const why = step.error === null ? "" : `: ${described(step.error)}`;
    const hint = "a run that ended will have none; otherwise wait for it";
    const text = `${of} has no result of step ${stepSlug}, which is ${step.status}${why}`;
    throw new NotCompletedError(text, { details, hint });
  }

  /** End the run now, unless it has completed or failed (PF302). */
  async cancel(reason?: string, options: CallOptions = {}): Promise<"cancelled"> {
    const args = { p_run_id: this.runId, p_reason: reason ?? null };
    return (await this.#call("cancel_run", args, options.signal)) as "cancelled";
  }

  /**
   * Yield the run as it is now, then whenever it has changed, until it has ended.
   *
   * A connection that is lost on the way is waited out; one that never stood is an error at once.
   *
   * @throws {WaitTimeoutError} It had not ended when the time was up.
   */
  async *watch(options: WaitOptions = {}): AsyncGenerator<RunSnapshot<F>, void, undefined> {
    const { timeoutMs = Infinity, pollMs = 1000, signal } = options;
    if (!(timeoutMs >= 0)) throw new RangeError(`timeoutMs is ${timeoutMs}, which is no time`);
    if (!(pollMs > 0)) throw new RangeError(`pollMs is ${pollMs}; it must be above 0`);
    const deadline = performance.now() + timeoutMs;
    let last: RunSnapshot<F> | null = null;
    let loss: UnreachableError | null = null;
    let pause = Math.min(FIRST_PAUSE_MS, pollMs);
    for (;;) {
      // one look is always granted, however little time there is
      const timer = timerOf(last === null && timeoutMs === 0 ? Infinity : deadline, signal);
      const before: RunSnapshot<F> | null = last;
      try {
        last = await this.get({ signal: timer.signal });
        loss = null;
      } catch (error) {
        signal?.throwIfAborted();
        if (timer.signal.aborted) throw timedOut(this.runId, timeoutMs, last, loss);
        if (!(error instanceof UnreachableError) || last === null) throw error;
        loss = error;
      } finally {
        timer.stop();
      }
      if (loss === null && JSON.stringify(last) !== JSON.stringify(before)) {
        yield last;
        pause = Math.min(FIRST_PAUSE_MS, pollMs);
      }
      if (last.status !== "started") return;
      const left = deadline - performance.now();
      if (left <= 0) throw timedOut(this.runId, timeoutMs, last, loss);
      await sleep(Math.min(pause, left), signal);
      pause = Math.min(pause * PAUSE_GROWTH, pollMs);
    }
  }
}

const FIRST_PAUSE_MS = 50;
const PAUSE_GROWTH = 1.5;
/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

function flowsClient<All extends object>(
  connection: Connection,
  slugs: readonly (keyof All & string)[],
): FlowsClient<All> {
  const call = callOver(connection);
  const flows = slugs.map((slug) => [slug, new FlowRef(slug, call)] as const);
  return Object.fromEntries(flows) as unknown as FlowsClient<All>;
}

/** A signal that is aborted with *outer*, and once the clock shows *deadline*. */
function timerOf(
  deadline: number,
  outer: AbortSignal | undefined,
): { readonly signal: AbortSignal; stop(): void } {
  const inner = new AbortController();
  const abort = (): void => inner.abort();
  const left = Math.max(0, deadline - performance.now());
  const timer = left <= LONGEST_TIMER_MS ? setTimeout(abort, left) : undefined;
  outer?.addEventListener("abort", abort);
  if (outer?.aborted === true) abort();
  const stop = (): void => {
    clearTimeout(timer);
    outer?.removeEventListener("abort", abort);
  };
  return { signal: inner.signal, stop };
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    if (signal?.aborted === true) abort();
    else signal?.addEventListener("abort", abort, { once: true });
  });
}

function checkedRunId(runId: string): string {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(runId)) return runId;
  throw new PgflowError(`${JSON.stringify(runId)} is not a run id`, { hint: "a run id is a UUID" });
}

/** Return the JSON text of *payload*; refuse what JSON would silently turn into null. */
function jsonText(payload: unknown, what: string): string {
  const pointers = new Map<unknown, string>();
  const refuse = (at: string, problem: string): never => {
    throw new PgflowError(`${what} cannot be stored: at ${at || "the top"}, ${problem}`, {
      code: "PF208",
      details: { at, message: problem },
    });
  };
  const text = JSON.stringify(payload, function (this: unknown, key: string, value: unknown) {
    const above = pointers.get(this);
    const at = above === undefined ? "" : `${above}/${key.replace(/~/g, "~0").replace(/\//g, "~1")}`;
    if (typeof value === "bigint") refuse(at, "a bigint is not JSON; send a number or text");
    if (typeof value === "number" && !Number.isFinite(value)) refuse(at, `${value} is not JSON`);
    if (value === undefined && Array.isArray(this)) refuse(at, "undefined is not JSON; use null");
    if (typeof value === "object" && value !== null) pointers.set(value, at);
    return value;
  }) as string | undefined;
  return text ?? refuse("", "it is not JSON");
}

function described(error: ErrorReport): string {
  const text = error.type === null ? error.message : `${error.type}: ${error.message}`;
  return error.code === null ? text : `[${error.code}] ${text}`;
}

function notCompleted<F extends FlowTypes>(run: EndedRun<F>): NotCompletedError {
  const details = { run_id: run.runId, flow: run.flowSlug, status: run.status };
  const of = `run ${run.runId} of flow ${run.flowSlug}`;
  if (run.status === "cancelled") {
    const reason = run.error?.message ?? "cancelled";
    const text = reason === "cancelled" ? "" : `: ${reason}`;
    return new RunCancelledError(`${of} was cancelled${text}`, { details });
  }
  const steps: readonly FailedStep[] = run.steps.filter(({ status }) => status === "failed");
  const told = steps.map(({ slug, attempts, error }) => {
    const times = attempts === 1 ? "1 attempt" : `${attempts} attempts`;
    return `step ${slug} failed after ${times}: ${error === null ? "no error" : described(error)}`;
  });
  const text = told.join("; ") || (run.error === null ? "no error" : described(run.error));
  const failures = steps.map(({ slug, attempts, error }) => ({ step: slug, attempts, error }));
  return new RunFailedError(`${of} failed: ${text}`, {
    details: { ...details, steps: failures },
    hint: `\`pgflow runs show ${run.runId}\` shows every attempt`,
  });
}

function timedOut<F extends FlowTypes>(
  runId: string,
  timeoutMs: number,
  last: RunSnapshot<F> | null,
  loss: UnreachableError | null,
): WaitTimeoutError {
  const state = last === null ? "its state could not be read" : `it is ${last.status}`;
  const lost = loss === null ? "" : `; ${loss.message}`;
  return new WaitTimeoutError(`run ${runId} has not ended after ${timeoutMs} ms: ${state}${lost}`, {
    details: { run_id: runId, timeout_ms: timeoutMs, status: last?.status ?? null },
    hint: "wait longer, or see with `pgflow status` whether a worker serves the flow",
  });
}

interface FailedStep {
  readonly slug: string;
  readonly attempts: number;
  readonly error: ErrorReport | null;
}

export { flowsClient };
