import { parsed, PgflowError, refusal, UnreachableError } from "./errors.ts";

/** Calls a function of the schema pgflow by its named arguments. */
type RpcCall = (
  fn: string,
  args: { [name: string]: unknown },
  signal: AbortSignal | undefined,
) => Promise<unknown>;

/** Where a PostgREST is, for those who use no client library. */
export type PostgrestOptions = {
  /** The address that `/rpc/start_flow` follows; on Supabase `https://PROJECT.supabase.co/rest/v1`. */
  url: string;
  /** The JWT of the caller, or what returns it before every call. */
  token?: string | (() => string | Promise<string>) | undefined;
  /** Sent with every call; Supabase asks for `{ apikey: … }`. */
  headers?: { [name: string]: string } | undefined;
};

/** A client of supabase-js or postgrest-js, whatever the type of its database. */
export type SupabaseLike = {
  // `any`, because the generated types of a database may know no schema and function of pgflow
  schema(name: any): { rpc(fn: any, args?: any): RpcRequest };
};

type RpcRequest = PromiseLike<{ data: unknown; error: unknown; status: number }> & {
  abortSignal(signal: AbortSignal): RpcRequest;
};

/** How the functions of the schema pgflow are reached. */
export type FlowsConnection = SupabaseLike | PostgrestOptions;

function callOver(connection: FlowsConnection): RpcCall {
  return "schema" in connection ? callBySupabase(connection) : callByFetch(connection);
}

function callBySupabase(client: SupabaseLike): RpcCall {
  const pgflow = client.schema("pgflow");
  return async (fn, args, signal) => {
    const request = pgflow.rpc(fn, args);
    const { data, error, status } = await (signal === undefined
      ? request
      : request.abortSignal(signal));
    if (!error) return data;
    if (signal?.aborted) throw signal.reason;
    throw refusal(error, status);
  };
}

function callByFetch({ url, token, headers }: PostgrestOptions): RpcCall {
  return async (fn, args, signal) => {
    const jwt = typeof token === "function" ? await token() : token;
    const request = {
      method: "POST",
      headers: {
        Accept: "application/json",
        "Content-Type": "application/json",
        "Content-Profile": "pgflow",
        ...(jwt === undefined ? {} : { Authorization: `Bearer ${jwt}` }),
        ...headers,
      },
      body: JSON.stringify(args),
      signal: signal ?? null,
    };
    const address = `${url.replace(/\/+$/, "")}/rpc/${fn}`;
    let response: Response;
    let text: string;
    try {
      response = await fetch(address, request);
      text = await response.text();
    } catch (cause) {
      if (signal?.aborted) throw signal.reason;
      throw new UnreachableError(`${address} cannot be reached: ${String(cause)}`, { cause });
    }
    const body = parsed(text);
    if (!response.ok) throw refusal(body, response.status);
    if (body !== undefined) return body;
    throw new PgflowError(`${address} answered with something else than JSON`, {
      status: response.status,
    });
  };
}

export { callOver };
export type { RpcCall };
