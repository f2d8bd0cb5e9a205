// Wrong uses. Each is reported by the compiler: an `@ts-expect-error` too many is an error itself.
import { flowsClient } from "./flows.ts";
import type { Flows, FlowsClient, Order } from "./flows.ts";

export async function runs(flows: FlowsClient): Promise<void> {
  // @ts-expect-error a key is missing
  await flows.parcels.start({ number: 1 });
  // @ts-expect-error a value has another type
  await flows.parcels.start({ number: "1", items: [] });
  // @ts-expect-error an item has another type
  await flows.parcels.start({ number: 1, items: [1] });
  // @ts-expect-error there is no such key
  await flows.parcels.start({ number: 1, items: [], notes: "" });
  // @ts-expect-error a key that may be left out has another type
  await flows.parcels.start({ number: 1, items: [], note: 1 });
  // @ts-expect-error there is no such flow
  await flows.parcel.start({ number: 1, items: [] });
  // @ts-expect-error one payload of several does not fit
  await flows.parcels.startMany([{ number: 1, items: [] }, { number: 1 }]);
  // @ts-expect-error null is no payload of this flow
  await flows.parcels.start(null);

  const run = await flows.parcels.start({ number: 1, items: [] });
  // @ts-expect-error there is no such step
  await run.result("paint");
  // @ts-expect-error the result has no such key
  (await run.result("pack")).lable;
  // @ts-expect-error the result is no text
  (await run.result("pack")).toUpperCase();
  // @ts-expect-error the step is no leaf, so it is not in the output
  (await run.wait()).output.pack;
  // @ts-expect-error the value in the output has another type
  (await run.wait()).output.promise.days.length;
  // @ts-expect-error the output is there only when the run has completed
  (await run.get()).output.promise;
  // @ts-expect-error there is no such status
  await flows.parcels.list({ status: "done" });
  // @ts-expect-error a timeout is a number
  await run.wait({ timeoutMs: "1s" });
}

export async function waiting(flows: FlowsClient): Promise<void> {
  const run = await flows.trips.start(3);
  // @ts-expect-error there is no such signal
  await run.signal("approve", { approved: true, by: "Ada" });
  // @ts-expect-error a key is missing
  await run.signal("approval", { approved: true });
  // @ts-expect-error a value has another type
  await run.signal("approval", { approved: "yes", by: "Ada" });
  // @ts-expect-error null stands for a time that is over, and is not sent
  await run.signal("wishes", null);
  // @ts-expect-error null fits, but PostgREST would hand it over as SQL null
  await run.signal("extra", null);
  // @ts-expect-error a step that is no signal
  await run.signal("seat", { row: 1 });
  // @ts-expect-error the time may have been over
  (await run.result("wishes")).length;
  // @ts-expect-error the step may have been skipped
  (await run.wait()).output.book.length;
  const parcel = await flows.parcels.start({ number: 1, items: [] });
  // @ts-expect-error the flow has no signals
  await parcel.signal("approval", { approved: true, by: "Ada" });
}

export function values(it: Flows["every_type"]["payload"]): void {
  // @ts-expect-error a tuple has an end
  it.pair[2];
  // @ts-expect-error not one of the values
  it.literal = 2;
  // @ts-expect-error a dog has no such key
  if (it.discriminated.kind === "dog") it.discriminated.lives;
  // @ts-expect-error the key may have no value
  it.dict_by_text["a"].toFixed();
  // @ts-expect-error deeper, too, an array holds numbers and arrays
  it.recursive_alias = [1, [2, ["3"]]];
  // @ts-expect-error a function is not JSON
  it.any_json = { a: () => 1 };
}

// @ts-expect-error the address is missing
flowsClient({ token: "jwt" });
// @ts-expect-error neither a client nor an address
flowsClient({});
// @ts-expect-error a key may be left out, but not be undefined: JSON has no such value
export const order: Order = { number: 1, items: [], note: undefined };
