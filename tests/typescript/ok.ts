// Correct uses, which the compiler accepts; never run.
import { PostgrestClient } from "@supabase/postgrest-js";
import { createClient } from "@supabase/supabase-js";

import { flowsClient, RunFailedError } from "./flows.ts";
import type {
  Approval,
  Flows,
  FlowsClient,
  Json,
  Order,
  Parcel,
  RunHandle,
  Seat,
  SignalOutcome,
} from "./flows.ts";

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
/** Accept a value only if its type is exactly `T`. */
function exactly<T>() {
  return <V>(_value: V & (Same<V, T> extends true ? unknown : never)): void => undefined;
}

interface Database {
  public: {
    Tables: Record<string, never>;
    Views: Record<string, never>;
    Functions: { add: { Args: { a: number; b: number }; Returns: number } };
  };
}

export const clients: FlowsClient[] = [
  flowsClient(createClient("https://example.org", "key")),
  flowsClient(createClient<Database>("https://example.org", "key")),
  flowsClient(new PostgrestClient("https://example.org")),
  flowsClient(new PostgrestClient<Database>("https://example.org").schema("public")),
  flowsClient({ url: "https://example.org/rest/v1" }),
  flowsClient({ url: "", token: () => "jwt", headers: { apikey: "key" } }),
  flowsClient({ url: "", token: async () => "jwt" }),
];

export async function runs(flows: FlowsClient): Promise<void> {
  const run = await flows.parcels.start({ number: 1, items: ["mug"] });
  exactly<RunHandle<Flows["parcels"]>>()(run);
  await flows.parcels.start({ number: 1, items: [], note: null }, { runId: "…" });
  await flows.parcels.startMany([{ number: 1, items: [] }]);
  await flows.labels.start(null);

  const ended = await run.wait({ timeoutMs: 1000, signal: AbortSignal.timeout(1000) });
  exactly<number>()(ended.output.promise.days);
  exactly<Order>()(ended.payload);
  exactly<Parcel>()(await run.result("pack"));
  exactly<"small" | "large">()((await run.result("pack")).size);

  const seen = await run.get();
  if (seen.status === "completed") exactly<string>()(seen.output.promise.label);
  else exactly<null>()(seen.output);
  for (const step of seen.steps) {
    if (step.slug === "pack" && step.status === "completed") exactly<Parcel>()(step.result);
    if (step.status === "started") exactly<null>()(step.result);
  }
  for await (const { status } of run.watch()) {
    exactly<"started" | "completed" | "failed" | "cancelled">()(status);
  }
  const error: unknown = await run.wait().catch((error: unknown) => error);
  if (error instanceof RunFailedError) exactly<string | undefined>()(error.run.steps[0]?.slug);
}

export async function waiting(flows: FlowsClient): Promise<void> {
  const run = await flows.trips.start(3);
  exactly<SignalOutcome>()(await run.signal("approval", { approved: true, by: "Ada" }));
  await run.signal("wishes", ["window"], { signal: AbortSignal.timeout(1000) });
  await run.signal("extra", ["lunch"]);
  exactly<Approval>()(await run.result("approval"));
  exactly<string[] | null>()(await run.result("wishes"));
  exactly<null>()(await run.result("pause"));
  exactly<Seat>()(await run.result("seat"));
  exactly<string | null>()((await run.wait()).output.book);
  for (const step of (await run.get()).steps) {
    if (step.status === "skipped") exactly<null>()(step.result);
    if (step.slug === "book" && step.status === "skipped") {
      exactly<"condition_unmet" | "dependency_skipped" | "handler_failed">()(step.skip_reason);
    }
  }
}

export function values(it: Flows["every_type"]["results"]): void {
  exactly<[number, string]>()(it.pair);
  exactly<number[]>()(it.tuple_of);
  exactly<"a" | 1 | true>()(it.literal);
  exactly<1>()(it.literal_member);
  exactly<"red" | "blue">()(it.plain_enum);
  exactly<string>()(it.uuid);
  exactly<number | undefined>()(it.dict_by_text["a"]);
  exactly<Json>()(it.any_json);
  exactly<number>()(it.computed_field.area);
  exactly<number>()(it.model["the-number"]);
  exactly<string | undefined>()(it.recursive_model.children?.[0]?.name);
  if (it.discriminated.kind === "cat") exactly<number>()(it.discriminated.lives);
  if (typeof it.recursive_alias !== "number") {
    exactly<Flows["every_type"]["results"]["recursive_alias"][]>()(it.recursive_alias);
  }
}

/** Objects are JSON for other libraries as well, which ask for an index signature. */
export function isJson(it: Flows["every_type"]["results"]): [Json, Record<string, unknown>] {
  return [it.generic_model, it];
}
