import { PgflowError, refusal, UnreachableError } from "./errors.ts";

/** A client of supabase-js or postgrest-js, or anything with such a `rpc`, for the schema pgflow. */
export interface RpcClient {
  // `any`, because the generated types of a database know only the functions of that database
  rpc(fn: any, args?: any): PromiseLike<RpcAnswer>;
}

/** What `rpc` of supabase-js resolves to. */
export interface RpcAnswer {
  readonly data: unknown;
  readonly error: unknown;
  readonly status?: number;
}

/** A client that can be turned to another schema, as that of supabase-js can. */
export interface SchemaClient {
  schema(name: any): RpcClient;
}

/** Where a PostgREST is, for those who use no client library. */
export interface PostgrestOptions {
  /** The address that `/rpc/start_flow` follows; on Supabase `https://PROJECT.supabase.co/rest/v1`. */
  readonly url: string | URL;
  /** Sent as `apikey`, which Supabase asks for. */
  readonly apiKey?: string | undefined;
  /** The JWT of the caller, or what returns it; asked before every call. */
  readonly token?: Token | (() => Token | PromiseLike<Token>);
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Instead of the global `fetch`. */
  readonly fetch?: FetchLike | undefined;
}

type Token = string | null | undefined;

/** The part of `fetch` that is used. */
export type FetchLike = (
  url: string,
  init: {
    readonly method: "POST";
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly signal: AbortSignal | null;
  },
) => PromiseLike<{ readonly ok: boolean; readonly status: number; text(): PromiseLike<string> }>;

/** How the functions of the schema pgflow are reached. */
export type Connection = RpcClient | SchemaClient | PostgrestOptions;

/** Calls a function of the schema pgflow by its named arguments. */
type Call = (
  fn: string,
  args: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
) => Promise<unknown>;

const SCHEMA = "pgflow";

function callOver(connection: Connection): Call {
  if (isSchemaClient(connection)) return callByRpc(connection.schema(SCHEMA));
  if ("rpc" in connection) return callByRpc(connection);
  return callByFetch(connection);
}

function isSchemaClient(connection: Connection): connection is SchemaClient {
  return "schema" in connection && typeof connection.schema === "function";
}

function callByRpc(client: RpcClient): Call {
  return async (fn, args, signal) => {
    signal?.throwIfAborted();
    let request = client.rpc(fn, args);
    if (signal !== undefined && isAbortable(request)) request = request.abortSignal(signal);
    const answer = await unlessAborted(request, signal);
    if (answer.error === null || answer.error === undefined) return answer.data;
    throw refusal(answer.error, answer.status ?? null, answer.error);
  };
}

interface Abortable {
  abortSignal(signal: AbortSignal): PromiseLike<RpcAnswer>;
}

function isAbortable(request: object): request is Abortable {
  return "abortSignal" in request && typeof request.abortSignal === "function";
}

function callByFetch(options: PostgrestOptions): Call {
  const base = String(options.url).replace(/\/+$/, "");
  return async (fn, args, signal) => {
    const url = `${base}/rpc/${fn}`;
    const headers = await headersOf(options);
    const body = JSON.stringify(args);
    const send: FetchLike = options.fetch ?? fetch;
    let status: number;
    let text: string;
    try {
      const init = { method: "POST", headers, body, signal: signal ?? null } as const;
      const response = await unlessAborted(send(url, init), signal);
      status = response.status;
      text = await unlessAborted(response.text(), signal);
    } catch (cause) {
      signal?.throwIfAborted();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new UnreachableError(`${url} cannot be reached: ${reason}`, { cause });
    }
    const answer = parsed(text);
    if (status < 200 || status >= 300) throw refusal(answer, status, undefined);
    if (answer !== undefined) return answer;
    throw new PgflowError(`${url} answered with something else than JSON`, { status });
  };
}

async function headersOf(options: PostgrestOptions): Promise<Record<string, string>> {
  const token = typeof options.token === "function" ? await options.token() : options.token;
  return {
    Accept: "application/json",
    "Content-Type": "application/json",
    "Content-Profile": SCHEMA,
    ...(options.apiKey === undefined ? {} : { apikey: options.apiKey }),
    ...(token === null || token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...options.headers,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Settle as *promise* does, or reject with the reason of *signal* when that comes first. */
function unlessAborted<T>(promise: PromiseLike<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return Promise.resolve(promise);
  return new Promise<T>((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    const forget = (): void => signal.removeEventListener("abort", abort);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort);
    promise.then(
      (value) => {
        forget();
        resolve(value);
      },
      (error: unknown) => {
        forget();
        reject(error);
      },
    );
  });
}

export { callOver };
export type { Call };
