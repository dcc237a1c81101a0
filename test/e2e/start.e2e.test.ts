import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { Yardgate } from "./support/server.ts";
import { makeWorkspace } from "./support/workspace.ts";

const { directory, remove } = makeWorkspace();
let yardgate: Yardgate;
let printed: string;

beforeAll(async () => {
  yardgate = await Yardgate.prepare(directory, () => ({ TEST_USER: "79161230009", TEST_PASS: "4071" }));
  printed = await yardgate.start();
});

afterAll(async () => {
  await yardgate?.crash();
  remove();
});

const curlLines = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line.startsWith("curl "));

const run = (line: string) => JSON.parse(execFileSync("sh", ["-c", line], { encoding: "utf8" }));

/** What the demo is made of, without the ids. */
async function demo() {
  const { devices } = await yardgate.billing("devices_list");
  const { doors } = await yardgate.billing("doors_list");
  const { rights: first } = await yardgate.billing("rights_list", { uid: 501 });
  const { rights: second } = await yardgate.billing("rights_list", { uid: 502 });
  return { devices: devices.length, doors: doors.length, first: first.length, second: second.length };
}

test("the first start makes a house with five devices, two doors and two contracts", async () => {
  expect(await demo()).toEqual({ devices: 5, doors: 2, first: 5, second: 2 });
});

test("the three printed curl lines work as they stand, and the code appears in the same terminal", async () => {
  const [requestCode, homes, cameras] = curlLines(printed);
  expect(run(requestCode!)).toMatchObject({ code: 200, data: { method: "sms" } });
  await eventually("the code", () => /^\{"sms":\{"to":"79161230001","text":".*\d{4}/m.test(yardgate.output()));
  expect(run(homes!).data).toMatchObject([{ houseId: "501", cctv: 3 }]);
  expect(run(cameras!).data).toHaveLength(3);
});

test("a demo door opens", async () => {
  const { data: homes } = run(curlLines(printed)[1]!);
  const bearer = /Bearer ([^']+)/.exec(printed)![1]!;
  const [{ domophoneId, doorId }] = homes[0].doors;
  expect((await yardgate.api("address/openDoor", { domophoneId, doorId }, bearer)).status).toBe(204);
});

test("a second start with the same folder adds nothing, and repairs a load that was interrupted", async () => {
  await yardgate.stop();
  await yardgate.start();
  expect(await demo()).toEqual({ devices: 5, doors: 2, first: 5, second: 2 });

  const { doors } = await yardgate.billing("doors_list");
  await yardgate.billing("doors_del", { doors_id: doors[0].id });
  await yardgate.billing("users/clients/delete", { uid: 501 });
  await yardgate.stop();
  printed = await yardgate.start();
  expect(await demo()).toEqual({ devices: 5, doors: 2, first: 5, second: 2 });
  expect(run(curlLines(printed)[1]!).data).toMatchObject([{ houseId: "501" }]);
});

test("the end leaves no process behind", async () => {
  await yardgate.stop();
  await expect(fetch(`${yardgate.url}/health`)).rejects.toThrow();
  expect(commandsWith(directory)).toEqual([]);
});

test("in production there is no demo", async () => {
  const other = makeWorkspace();
  const vars = { ENVIRONMENT: "production", SMS_TRANSPORT: "kannel", KANNEL_URL: "http://127.0.0.1:1" };
  const credentials = { KANNEL_USER: "u", KANNEL_PASS: "p", KANNEL_FROM: "f" };
  const production = await Yardgate.prepare(other.directory, () => ({ ...vars, ...credentials }));
  const help = await production.start();
  expect(help).toContain("No demo was loaded (ENVIRONMENT=production)");
  expect(await production.billing("devices_list")).toEqual({ devices: [] });
  await production.stop();
  other.remove();
});

function commandsWith(text: string): string[] {
  const commandOf = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
    } catch {
      return "";
    }
  };
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return pids.map(commandOf).filter((command) => command.includes(text));
}
