// What the tests let a browser do: `node scenarios.ts NAME` prints the answers as JSON, one a line.
import { createClient } from "@supabase/supabase-js";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import * as everything from "./everything.ts";
import { flowsClient, PgflowError, RunFailedError } from "./flows.ts";
import type { FlowsConnection, Order } from "./flows.ts";

const { PGFLOW_OVER, PGFLOW_URL = "", PGFLOW_ANON_KEY = "", PGFLOW_TOKEN } = process.env;

function connection(): FlowsConnection {
  if (PGFLOW_OVER === "fetch") {
    return { url: PGFLOW_URL, token: PGFLOW_TOKEN, headers: { apikey: PGFLOW_ANON_KEY } };
  }
  const auth = { persistSession: false, autoRefreshToken: false };
  return createClient(
    PGFLOW_URL,
    PGFLOW_ANON_KEY,
    PGFLOW_TOKEN === undefined ? { auth } : { accessToken: async () => PGFLOW_TOKEN },
  );
}

const flows = flowsClient(connection());
const order: Order = { number: 7, items: ["mug", "cup"] };
const patience = { timeoutMs: 20_000, pollMs: 50 };

function tell(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

/** Return the error that *promise* is rejected with, as plain data. */
async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return { resolved: await promise };
  } catch (error) {
    if (!(error instanceof PgflowError)) return { name: "other", message: String(error) };
    const { name, message, code, hint, status, details, errors } = error;
    return { name, message, code, hint, status, details, errors };
  }
}

const scenarios: { [name: string]: () => Promise<void> } = {
  async completes() {
    const run = await flows.parcels.start(order);
    const ended = await run.wait(patience);
    const again = await flows.parcels.handle(run.runId).get();
    tell({
      output: ended.output,
      packed: await run.result("pack"),
      steps: ended.steps.map(({ slug, status, error }) => [slug, status, error]),
      isTheSame: JSON.stringify(again) === JSON.stringify(ended),
      listed: await flows.parcels.list({ status: "completed", limit: 1 }),
      others: await flows.labels.list(),
    });
  },

  async everyType() {
    const run = await flows.every_type.start(everything.payload);
    const { payload, output } = await run.wait(patience);
    tell({ payload, output, uuid: await run.result("uuid") });
  },

  async plainPayloads() {
    const many = [["a", "b"], null, [], ['"', "\\", "{,}", "ü"]];
    const one = await flows.labels.start(["a"]);
    const nothing = await flows.labels.start(null);
    const runs = [one, nothing, ...(await flows.labels.startMany(many))];
    const ended = await Promise.all(runs.map((run) => run.wait(patience)));
    tell(ended.map(({ payload, output }) => [payload, output.count]));
    tell(await flows.labels.startMany([]));
  },

  async isRefused() {
    const wrong = JSON.parse('{"number": 0, "items": "mug"}') as Order;
    const runId = "00000000-0000-4000-8000-000000000001";
    const run = await flows.parcels.start(order, { runId });
    tell({
      payload: await errorOf(flows.parcels.start(wrong)),
      notStartable: await errorOf(flows.inner.start(1)),
      taken: await errorOf(flows.parcels.start(order, { runId })),
      unknown: await errorOf(flows.parcels.handle(runId.replace(/1$/, "2")).get()),
      noUuid: await errorOf(flows.parcels.handle("7").wait()),
      otherFlow: await errorOf(flows.labels.handle(runId).get()),
      noResult: await errorOf(run.result("pack")),
      noStep: await errorOf(run.result("paint" as "pack")),
    });
  },

  async isForbidden() {
    tell(await errorOf(flows.parcels.start(order)));
  },

  async fails() {
    const run = await flows.parcels.start({ ...order, items: [] });
    const told = await errorOf(run.wait(patience));
    const error: unknown = await run.wait(patience).catch((error: unknown) => error);
    const steps = error instanceof RunFailedError ? error.run.steps : [];
    tell({
      told,
      steps: steps.map(({ slug, status }) => [slug, status]),
      noResult: await errorOf(run.result("pack")),
      cannotCancel: await errorOf(run.cancel()),
    });
  },

  async resultIsRefused() {
    const run = await flows.parcels.start({ ...order, number: 15 });
    tell(await errorOf(run.wait(patience)));
  },

  async isCancelled() {
    const run = await flows.parcels.start(order);
    await run.cancel("wrong address");
    await run.cancel();
    tell(await errorOf(run.wait()));
  },

  async timesOut() {
    const run = await flows.parcels.start(order);
    const aborted = new AbortController();
    const watched = run.watch({ signal: aborted.signal });
    await watched.next();
    aborted.abort("changed my mind");
    const abortedAtOnce = await errorOf(run.wait({ signal: AbortSignal.abort("never mind") }));
    tell({
      timedOut: await errorOf(run.wait({ timeoutMs: 200, pollMs: 20 })),
      aborted: await errorOf(watched.next()),
      abortedAtOnce,
    });
  },

  async waitsForTheServer() {
    const run = await flows.parcels.start(order);
    for await (const seen of run.watch(patience)) tell(seen.status);
    tell((await run.get()).output);
  },

  async waitsForSignals() {
    const approved = await flows.trips.start(7);
    const refused = await flows.trips.start(8);
    const wrong = JSON.parse('{"approved": "yes"}');
    const faults = await errorOf(approved.signal("approval", wrong));
    const sent = [
      await approved.signal("approval", { approved: true, by: "Ada" }),
      await approved.signal("approval", { approved: true, by: "Ada" }),
      await refused.signal("approval", { approved: false, by: "Eve" }),
    ];
    const other = await errorOf(approved.signal("approval", { approved: true, by: "Eve" }));
    const ended = [await approved.wait(patience), await refused.wait(patience)];
    tell({
      faults,
      sent,
      other,
      outputs: ended.map(({ output }) => output),
      skipped: await refused.result("book"),
      seat: await approved.result("seat"),
      reasons: ended.map(({ steps }) => steps.map((step) => step.skip_reason)),
      subRuns: ended[0]?.steps.filter((step) => step.sub_run_id != null).map(({ slug }) => slug),
    });
  },

  async findsNoServer() {
    tell(await errorOf(flows.parcels.handle("00000000-0000-4000-8000-000000000001").wait()));
  },

  async meetsGateways() {
    const answers: [number, string][] = [
      [502, "<h1>Bad Gateway</h1>"],
      [200, "<h1>Welcome</h1>"],
    ];
    const server = createServer((_, response) => {
      const answer = answers.shift();
      // without an answer left, none is given
      if (answer !== undefined) response.writeHead(answer[0]).end(answer[1]);
    }).listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const run = flowsClient({ url, token: async () => "token" }).parcels.handle("7");
    tell({
      away: await errorOf(run.get()),
      noJson: await errorOf(run.get()),
      silent: await errorOf(run.wait({ timeoutMs: 100 })),
    });
    server.closeAllConnections();
    server.close();
  },
};

await scenarios[process.argv[2] ?? ""]?.();
