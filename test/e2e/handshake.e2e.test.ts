import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { PASSWORD } from "./support/gateway-calls.ts";
import { type SyncGateway, startSyncGateway } from "./support/sync-gateway.ts";

// handshake.sh against the running Worker: what an app does, done by openssl, curl and a websocket.

const NUMBER = "+237672451861";
const SCRIPT = fileURLToPath(new URL("handshake.sh", import.meta.url).href);

let gateway: SyncGateway;

beforeAll(async () => {
  gateway = await startSyncGateway();
});

afterAll(() => gateway?.close());

/** Runs the script; what it says and how it ends. */
function handshake(...args: string[]): Promise<{ code: number | null; output: string }> {
  const script = spawn("bash", [SCRIPT, gateway.yardgate.url, ...args], {
    env: { ...process.env, NODE: process.execPath },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [script.stdout, script.stderr]) stream.on("data", (data) => (output += data));
  return new Promise((resolve) => script.on("close", (code) => resolve({ code, output })));
}

test("openssl and curl sync in two steps and in one, and the SMS they send is published once", async () => {
  const user = await gateway.user(NUMBER);
  const { key } = await gateway.post("/v3/clients", { msisdn: "+237672451860", protocols: ["https"] });

  const { code, output } = await handshake(user, PASSWORD, NUMBER, key, "friend@example.org");
  expect.soft(output).not.toContain("FAILED");
  expect(code, output).toBe(0);

  const { publisher, yardgate } = gateway;
  const states = () => yardgate.rows("SELECT state FROM gateway_messages").map(({ state }) => state);
  await eventually("both SMS to be settled", () => states().join() === "published");
  const session = /A body: ([0-9a-f]{32})/.exec(publisher.published[0]!.body)?.[1];
  expect(publisher.asked).toHaveLength(1);
  expect(JSON.parse(publisher.published[0]!.body)).toEqual({
    MSISDN: NUMBER,
    message: `g:friend@example.org:::A subject:A body: ${session}\n`,
  });
  expect(publisher.published[0]).toMatchObject({
    ...{ contentType: "application/json", authorization: "Bearer e2e-publisher-token" },
    id: expect.stringMatching(/^\S{8,}$/),
  });
});

test("the script ends with a failure when the password is wrong", async () => {
  const user = await gateway.user("+237672451862");
  const { code, output } = await handshake(user, "not the password", "+237672451862", "gwk_none");
  expect(output).toContain("FAILED: the right password is taken");
  expect(code).toBe(1);
});
