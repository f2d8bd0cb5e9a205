import {
  described,
  NoResultError,
  PgflowError,
  RunFailedError,
  UnreachableError,
  WaitTimeoutError,
} from "./errors.ts";
import type {
  CompletedRun,
  FlowTypes,
  RunSnapshot,
  RunStatus,
  RunSummary,
  SignalOutcome,
} from "./snapshots.ts";
import type { RpcCall } from "./transport.ts";

export type CallOptions = {
  /** Gives up when it is aborted; the promise is rejected with the reason of the signal. */
  signal?: AbortSignal | undefined;
};

export type StartOptions = CallOptions & {
  /**
   * The id that the run shall have, a UUID. With an id of your own a start may be sent again after
   * a lost connection: when the first one did arrive, the second is refused with PF303. Not with
   * the payload null, which PostgREST hands over as SQL null.
   */
  runId?: string | undefined;
};

export type ListOptions = CallOptions & {
  status?: RunStatus | undefined;
  /** How many at most, up to 10000. Default: 50. */
  limit?: number | undefined;
};

export type WaitOptions = CallOptions & {
  /** Wait no longer than this. Default: as long as it takes. */
  timeoutMs?: number | undefined;
  /** The longest pause between two looks; the first ones are shorter. Default: 1000. */
  pollMs?: number | undefined;
};

/** A flow: start runs of it, or go on with one that was started elsewhere. */
export class FlowRef<F extends FlowTypes> {
  readonly slug: string;
  readonly #call: RpcCall;

  constructor(slug: string, call: RpcCall) {
    this.slug = slug;
    this.#call = call;
  }

  /**
   * Start a run.
   *
   * @throws {PgflowError} PF202 the payload does not fit, `errors` says where; PF101 the flow is
   *   not deployed; PF401 it is not `client_startable`; PF303 the `runId` of the options is taken.
   */
  async start(payload: F["payload"], options: StartOptions = {}): Promise<RunHandle<F>> {
    const { runId, signal } = options;
    if (payload === null && runId === undefined) {
      // PostgREST hands JSON null over as SQL null, but not within the array of `start_flows`
      const [only] = await this.startMany([payload], { signal });
      if (only !== undefined) return only;
    }
    const args = {
      p_flow_slug: this.slug,
      p_payload: payload,
      ...(runId === undefined ? {} : { p_run_id: runId }),
    };
    return this.handle((await this.#call("start_flow", args, signal)) as string);
  }

  /** Start a run for each payload, all or none; the handles come in the order of the payloads. */
  async startMany(
    payloads: readonly F["payload"][],
    options: CallOptions = {},
  ): Promise<RunHandle<F>[]> {
    // An array literal of PostgreSQL, as text: of a JSON array of arrays PostgREST would make one
    // array of two dimensions, and of JSON null SQL null.
    const texts = payloads.map(
      (payload) => `"${JSON.stringify(payload).replace(/["\\]/g, "\\$&")}"`,
    );
    const args = { p_flow_slug: this.slug, p_payloads: `{${texts.join(",")}}` };
    const runIds = (await this.#call("start_flows", args, options.signal)) as string[];
    return runIds.map((runId) => this.handle(runId));
  }

  /** Return a handle of a run of this flow that was started elsewhere. Nothing is sent. */
  handle(runId: string): RunHandle<F> {
    return new RunHandle<F>(runId, this.slug, this.#call);
  }

  /** Read the runs of this flow that you may see, the newest first. */
  async list(options: ListOptions = {}): Promise<RunSummary[]> {
    const { status = null, limit = 50, signal } = options;
    const args = { p_flow_slug: this.slug, p_status: status, p_limit: limit };
    return (await this.#call("list_runs", args, signal)) as RunSummary[];
  }
}

/** One run, to wait for, watch and cancel. It holds no state of the run. */
export class RunHandle<F extends FlowTypes> {
  /** The id of the run; whoever may see the run can go on with it by `FlowRef.handle`. */
  readonly runId: string;
  readonly #flowSlug: string;
  readonly #call: RpcCall;

  constructor(runId: string, flowSlug: string, call: RpcCall) {
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
    const args = { p_run_id: this.runId };
    const run = (await this.#call("get_run", args, options.signal)) as RunSnapshot<F>;
    if (run.flow_slug === this.#flowSlug) return run;
    const problem = `is of flow ${run.flow_slug}, not of ${this.#flowSlug}`;
    const hint = "take the handle from the flow that the run is of";
    throw new PgflowError(`run ${this.runId} ${problem}`, { hint });
  }

  /**
   * Return the run once it has completed.
   *
   * @throws {RunFailedError} It failed or was cancelled; `run` is all of it.
   * @throws {WaitTimeoutError} It had not ended when the time was up.
   */
  async wait(options: WaitOptions = {}): Promise<CompletedRun<F>> {
    for await (const run of this.watch(options)) {
      if (run.status === "completed") return run;
      if (run.status !== "started") throw new RunFailedError(run);
    }
    throw new PgflowError(`watching run ${this.runId} ended before the run`);
  }

  /**
   * Return what a step returned, without waiting for it; null when it was skipped.
   *
   * @throws {NoResultError} It has none, or none yet.
   */
  async result<Slug extends keyof F["results"] & string>(
    stepSlug: Slug,
    options: CallOptions = {},
  ): Promise<F["results"][Slug]> {
    const run = await this.get(options);
    const step = run.steps.find(({ slug }) => slug === stepSlug);
    if (step?.status === "completed" || step?.status === "skipped") {
      return step.result as F["results"][Slug];
    }
    const of = `run ${run.run_id} of flow ${run.flow_slug}`;
    if (step === undefined) {
      const hint = `its steps are ${run.steps.map(({ slug }) => slug).join(", ")}`;
      throw new NoResultError(`${of} has no step ${stepSlug}`, { hint });
    }
    const why = step.error === null ? "" : `: ${described(step.error)}`;
    const problem = `has no result of step ${stepSlug}, which is ${step.status}${why}`;
    throw new NoResultError(`${of} ${problem}`);
  }

  /**
   * Send *payload* to a step of the run that waits for a signal, or will wait for it. Sending the
   * same again changes nothing. Null cannot be sent: PostgREST would hand it over as SQL null.
   *
   * @throws {PgflowError} PF202 the payload does not fit, `errors` says where, and the step goes on
   *   waiting; PF305 another payload was sent before; PF302 the run has ended; PF306 the time to
   *   wait was over.
   */
  async signal<Slug extends keyof F["signals"] & string>(
    signalSlug: Slug,
    payload: NonNullable<F["signals"][Slug]>,
    options: CallOptions = {},
  ): Promise<SignalOutcome> {
    const args = { p_run_id: this.runId, p_step_slug: signalSlug, p_payload: payload };
    return (await this.#call("send_signal", args, options.signal)) as SignalOutcome;
  }

  /** End the run now. PF302 when it has completed or failed; twice is no error. */
  async cancel(reason?: string, options: CallOptions = {}): Promise<void> {
    const args = { p_run_id: this.runId, p_reason: reason ?? null };
    await this.#call("cancel_run", args, options.signal);
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
    let last = "";
    let state = "its state could not be read";
    const stop = new AbortController();
    const onAbort = (): void => stop.abort(signal?.reason);
    const onTimeout = (): void => {
      const problem = `has not ended after ${timeoutMs} ms: ${state}`;
      stop.abort(new WaitTimeoutError(`run ${this.runId} ${problem}`));
    };
    const timer = timeoutMs <= LONGEST_TIMER_MS ? setTimeout(onTimeout, timeoutMs) : undefined;
    signal?.addEventListener("abort", onAbort);
    if (signal?.aborted) onAbort();
    try {
      for (let pause = FIRST_PAUSE_MS; ; pause *= PAUSE_GROWTH) {
        let run: RunSnapshot<F> | undefined;
        try {
          run = await this.get({ signal: stop.signal });
        } catch (error) {
          const isLoss = error instanceof UnreachableError && last !== "";
          if (stop.signal.aborted || !isLoss) throw error;
          state = error.message;
        }
        if (run !== undefined) {
          state = `it is ${run.status}`;
          const text = JSON.stringify(run);
          if (text !== last) {
            last = text;
            pause = FIRST_PAUSE_MS;
            yield run;
          }
          if (run.status !== "started") return;
        }
        await sleep(Math.min(pause, pollMs), stop.signal);
      }
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", onAbort);
    }
  }
}

const FIRST_PAUSE_MS = 50;
const PAUSE_GROWTH = 1.5;
/** A longer timer would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Wait, but not beyond the abort of *signal*. */
function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}
