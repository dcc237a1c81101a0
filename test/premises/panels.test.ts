import { env } from "cloudflare:test";
import { afterEach, expect, test, vi } from "vitest";
import { changeContract, removeContract } from "#premises/contracts.ts";
import { deliverKeys, sweepKeys } from "#premises/panels/delivery.ts";
import { addDoor, changeDevice, changeDoor, deleteDevice, deleteDoor } from "#premises/registry.ts";
import { addKey, deleteKey, giveRights, takeRights } from "#premises/rights.ts";
import { aPanelAddress, clearPanels, jobsOf, panels, settled } from "../inventory/panels.ts";
import { aCamera, aContract, aLock, aUid, envWith } from "../support/world.ts";

afterEach(async () => {
  await clearPanels();
  vi.restoreAllMocks();
});

/** A Sokol panel at a door, that no contract has a right to yet. */
async function aPanel() {
  const panelip = aPanelAddress();
  const panel = await aCamera({ paneltype: 2, panelip, panellogin: "admin", panelpasswd: "p@nel" });
  const lock = await aLock();
  const ids = { deviceId: lock.deviceId, cam: panel.deviceId };
  const door = await addDoor(env, { ...ids, icon: "entrance", name: "Подъезд", open: "http://192.0.2.10/open" });
  return { panelip, panel: panel.deviceId, lock: lock.deviceId, door };
}

async function aHomeAt(panel: { lock: number }, { flat = "8", key = "00a1" } = {}) {
  const uid = await aContract({ flat });
  await giveRights(env, uid, [panel.lock]);
  await addKey(env, { uid, key, comment: "" });
  await settled(uid);
  return uid;
}

const stored = (key: string, flat: number) =>
  `POST /key/store {"uuid":"${key}","panelCode":${flat},"encryption":false}`;
const removed = (key: string) => `DELETE /key/store/${key}`;

test("whoever gets a right to a door has their keys on its panel, and loses them with the right", async () => {
  const world = panels();
  const [first, second] = [await aPanel(), await aPanel()];
  const uid = await aHomeAt(first);
  expect(world.at(second.panelip)).toEqual([]);
  await giveRights(env, uid, [second.lock]);
  await settled(uid);
  expect(world.at(second.panelip)).toEqual([stored("00a1", 8)]);
  await takeRights(env, uid, [first.lock]);
  await settled(uid);
  expect(world.at(first.panelip)).toEqual([stored("00a1", 8), removed("00a1")]);
  expect(world.at(second.panelip)).toHaveLength(1);
});

test("a key that stands on a panel from times without a list of it is removed as well", async () => {
  const world = panels();
  const panel = await aPanel();
  const uid = await aHomeAt(panel);
  await env.DB.prepare("DELETE FROM panel_jobs WHERE uid = ?").bind(uid).run();
  await deleteKey(env, uid, "00a1");
  await settled(uid);
  expect(world.at(panel.panelip).at(-1)).toBe(removed("00a1"));
});

test("a panel learns of another flat, and forgets a contract that is deleted", async () => {
  const world = panels();
  const panel = await aPanel();
  const uid = await aHomeAt(panel);
  await changeContract(env, { uid }, { flat: "9" } as never);
  await settled(uid);
  await changeContract(env, { uid }, { address: "г. Тула" } as never);
  await removeContract(env, { uid });
  await settled(uid);
  expect(world.at(panel.panelip)).toEqual([stored("00a1", 8), stored("00a1", 9), removed("00a1")]);
});

test("a key of two contracts stays on the panel for the other one", async () => {
  const world = panels();
  const panel = await aPanel();
  const [one, other] = [await aHomeAt(panel, { flat: "1" }), await aHomeAt(panel, { flat: "2" })];
  await deleteKey(env, one, "00a1");
  await settled(one);
  expect(world.at(panel.panelip)).toEqual([stored("00a1", 1), stored("00a1", 2), stored("00a1", 2)]);
  await deleteKey(env, other, "00a1");
  await settled(other);
  expect(world.at(panel.panelip).at(-1)).toBe(removed("00a1"));
});

test("a panel with another address is told of all keys; one that is entered again as it was is not", async () => {
  const world = panels();
  const panel = await aPanel();
  const uid = await aHomeAt(panel);
  await changeDevice(env, panel.panel, { panelip: panel.panelip, isActive: true, paneltype: 2, title: "Подъезд" });
  await settled(uid);
  expect(world.at(panel.panelip)).toHaveLength(1);
  const panelip = aPanelAddress();
  await changeDevice(env, panel.panel, { panelip });
  await settled(uid);
  expect(world.at(panelip)).toEqual([stored("00a1", 8)]);
});

test("a panel that was switched off catches up when it is switched on", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  const world = panels();
  const panel = await aPanel();
  const uid = await aHomeAt(panel);
  await changeDevice(env, panel.panel, { isActive: false });
  await addKey(env, { uid, key: "00a2", comment: "" });
  expect(world.at(panel.panelip)).toHaveLength(1);
  await changeDevice(env, panel.panel, { isActive: true });
  await settled(uid);
  expect(world.at(panel.panelip)).toEqual(expect.arrayContaining([stored("00a2", 8)]));
});

test("a door that moves to another panel takes the keys along, and a lock or door that goes removes them", async () => {
  const world = panels();
  const [first, second] = [await aPanel(), await aPanel()];
  const uid = await aHomeAt(first);
  await changeDoor(env, first.door, { cam: second.panel });
  await settled(uid);
  expect(world.at(first.panelip)).toEqual([stored("00a1", 8), removed("00a1")]);
  expect(world.at(second.panelip)).toEqual([stored("00a1", 8)]);
  await deleteDoor(env, first.door);
  await settled(uid);
  expect(world.at(second.panelip)).toEqual([stored("00a1", 8), removed("00a1")]);

  const third = await aPanel();
  const other = await aHomeAt(third);
  await deleteDevice(env, third.lock);
  await settled(other);
  expect(world.at(third.panelip)).toEqual([stored("00a1", 8), removed("00a1")]);
});

test("a panel that is deleted leaves no jobs behind", async () => {
  panels();
  const panel = await aPanel();
  const uid = await aHomeAt(panel);
  await deleteDevice(env, panel.panel);
  expect(await jobsOf(uid)).toEqual([]);
});

/** A batch with one message, and what becomes of it. */
function aBatch(body: unknown) {
  const fate: { acked: boolean; delay?: number | undefined } = { acked: false };
  const message = {
    ...{ id: crypto.randomUUID(), timestamp: new Date(), body, attempts: 1 },
    ack: () => {
      fate.acked = true;
    },
    retry: ({ delaySeconds }: { delaySeconds?: number } = {}) => {
      fate.delay = delaySeconds;
    },
  };
  return { batch: { queue: "panels", messages: [message] } as never, fate };
}

/** An environment whose queue takes nothing, so that only the test delivers. */
const withoutQueue = () => {
  const sent: { device: number; uid: number; key: string }[] = [];
  const PANELS = {
    sendBatch: async (list: { body: (typeof sent)[number] }[]) => sent.push(...list.map(({ body }) => body)),
  };
  return { sent, lone: envWith({ PANELS }) };
};

async function aWaitingKey() {
  const panel = await aPanel();
  const uid = await aContract({ flat: "8" });
  await giveRights(env, uid, [panel.lock]);
  const { lone, sent } = withoutQueue();
  await addKey(lone, { uid, key: "00a1", comment: "" });
  return { ...panel, uid, lone, sent, job: { device: panel.panel, uid, key: "00a1" } };
}

test.each<[string, () => Response, number]>([
  ["refuses us", () => new Response("", { status: 401 }), 5],
  ["does not answer", () => Response.error(), 20],
  ["is broken", () => new Response("", { status: 500 }), 20],
])(
  "a panel that %s is given up after some attempts, with growing pauses, and tried again with another password",
  async (_, answer, attempts) => {
    vi.spyOn(console, "warn").mockImplementation(() => {});
    const { uid, panel, lone, job } = await aWaitingKey();
    panels(answer);
    const pauses: number[] = [];
    for (let now = Date.now(); pauses.length < 30; ) {
      const { batch, fate } = aBatch(job);
      await deliverKeys(batch, lone, new Date(now));
      if (fate.acked) break;
      pauses.push(fate.delay!);
      now += fate.delay! * 1000;
    }
    expect(pauses).toHaveLength(attempts - 1);
    expect(pauses.at(-1)).toBeGreaterThan(pauses[0]!);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(3600);
    expect(await jobsOf(uid)).toMatchObject([{ state: "failed", attempts }]);
    await changeDevice(lone, panel, { panelpasswd: "p@nel" });
    expect(await jobsOf(uid)).toMatchObject([{ state: "queued", attempts: 0 }]);
  },
);

test("a panel that was off for longer than that is asked once a day, and forgets at last what it is to forget", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  panels();
  const panel = await aPanel();
  const uid = await aHomeAt(panel);
  const { lone, sent } = withoutQueue();
  await deleteKey(lone, uid, "00a1");
  await env.DB.prepare("UPDATE panel_jobs SET attempts = 19 WHERE uid = ?").bind(uid).run();
  const job = { device: panel.panel, uid, key: "00a1" };
  let isOff = true;
  const world = panels(() => (isOff ? Response.error() : new Response(null, { status: 204 })));
  const start = Date.now();
  const atHour = async (hour: number) => {
    const now = new Date(start + hour * 3_600_000);
    sent.length = 0;
    await sweepKeys(lone, now);
    await sweepKeys(lone, new Date(now.getTime() + 60_000));
    const { batch } = aBatch(job);
    await deliverKeys(batch, lone, now);
    return sent.some(({ uid: named }) => named === uid);
  };
  await deliverKeys(aBatch(job).batch, lone);
  expect(await jobsOf(uid)).toMatchObject([{ state: "failed", attempts: 20 }]);
  expect(await atHour(20)).toBe(false);
  expect(await atHour(25)).toBe(true);
  expect(await jobsOf(uid)).toMatchObject([{ state: "failed", attempts: 21 }]);
  isOff = false;
  expect(await atHour(24 * 50)).toBe(true);
  expect(await jobsOf(uid)).toMatchObject([{ change: "remove", state: "done" }]);
  expect(world.at(panel.panelip)).toHaveLength(3);
});

test("of two changes the last one wins, whichever reaches the panel first", async () => {
  const { uid, lone, job, panelip } = await aWaitingKey();
  let isFirst = true;
  const world = panels(async () => {
    if (isFirst) {
      isFirst = false;
      // While the panel is still being told of the key, it is deleted, and that is delivered at once.
      await deleteKey(lone, uid, "00a1");
      await deliverKeys(aBatch(job).batch, lone);
    }
    return new Response("OK");
  });
  await deliverKeys(aBatch(job).batch, lone);
  await deliverKeys(aBatch(job).batch, lone);
  expect(world.at(panelip).at(-1)).toBe(removed("00a1"));
  expect(await jobsOf(uid)).toMatchObject([{ change: "remove", state: "done" }]);
});

test("a change that overtakes one under way is told once more, even if it is still under way itself", async () => {
  const { uid, lone, sent, job, panelip } = await aWaitingKey();
  const slow: (() => void)[] = [];
  // The panel carries out what it is told at once, and answers when the test lets it.
  const world = panels(() => new Promise((answer) => slow.push(() => answer(new Response("OK")))));
  const calls = (count: number) => vi.waitFor(() => expect(slow).toHaveLength(count));
  const adding = deliverKeys(aBatch(job).batch, lone);
  await calls(1);
  await deleteKey(lone, uid, "00a1");
  const removing = deliverKeys(aBatch(job).batch, lone);
  await calls(2);
  slow[0]!();
  await adding;
  slow[1]!();
  await removing;
  sent.length = 0;
  const inAMinute = new Date(Date.now() + 60_000);
  await sweepKeys(lone, inAMinute);
  expect(sent).toContainEqual(job);
  const again = deliverKeys(aBatch(job).batch, lone, inAMinute);
  await calls(3);
  slow[2]!();
  await again;
  expect(world.at(panelip).at(-1)).toBe(removed("00a1"));
  expect(world.at(panelip)).toHaveLength(3);
  expect(await jobsOf(uid)).toMatchObject([{ change: "remove", state: "done" }]);
});

test.each<[string, boolean]>([
  ["comes to another contract while it is removed from one stays for that one", true],
  ["is taken from the other contract as well, while that one's is told, is removed", false],
])("a key that %s", async (_, isGiven) => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  panels();
  const panel = await aPanel();
  const [one, other] = [await aHomeAt(panel, { flat: "1" }), await aHomeAt(panel, { flat: "2", key: "00a2" })];
  if (!isGiven) await addKey(env, { uid: other, key: "00a1", comment: "" });
  await settled(other);
  const { lone } = withoutQueue();
  await deleteKey(lone, one, "00a1");
  const jobOf = (uid: number) => ({ device: panel.panel, uid, key: "00a1" });
  let isFirst = true;
  const world = panels(async () => {
    if (isFirst) {
      isFirst = false;
      // Before the panel carries out what it is told, the other contract's change has been told, too.
      if (isGiven) await addKey(lone, { uid: other, key: "00a1", comment: "" });
      else await deleteKey(lone, other, "00a1");
      await deliverKeys(aBatch(jobOf(other)).batch, lone);
    }
    return new Response("OK");
  });
  const { batch, fate } = aBatch(jobOf(one));
  await deliverKeys(batch, lone);
  expect(fate.delay).toBeGreaterThan(0);
  await deliverKeys(aBatch(jobOf(one)).batch, lone, new Date(Date.now() + fate.delay! * 1000));
  expect(world.at(panel.panelip).at(-1)).toBe(isGiven ? stored("00a1", 2) : removed("00a1"));
  expect((await jobsOf(one)).map(({ state }) => state)).toEqual(["done"]);
});

test("what the queue lost, and what a consumer that died left, is sent again by the cron", async () => {
  const { uid, lone, sent, job } = await aWaitingKey();
  const inAMinute = new Date(Date.now() + 60_000);
  sent.length = 0;
  await sweepKeys(lone, inAMinute);
  expect(sent).toContainEqual(job);
  await env.DB.prepare("UPDATE panel_jobs SET state = 'sending' WHERE uid = ?").bind(uid).run();
  sent.length = 0;
  await sweepKeys(lone, inAMinute);
  expect(sent).toContainEqual(job);
  panels();
  await deliverKeys(aBatch(job).batch, lone, inAMinute);
  sent.length = 0;
  await sweepKeys(lone, inAMinute);
  expect(sent).not.toContainEqual(job);
});

test("a job that is taken, done, or nobody's is left alone, and a body that is none goes its way", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {});
  const { uid, lone, job, panelip } = await aWaitingKey();
  const world = panels();
  await Promise.all([1, 2, 3].map(() => deliverKeys(aBatch(job).batch, lone)));
  await deliverKeys(aBatch({ ...job, uid: aUid() }).batch, lone);
  expect(world.at(panelip)).toHaveLength(1);
  expect(await jobsOf(uid)).toMatchObject([{ state: "done" }]);
  const { batch, fate } = aBatch({ nonsense: true });
  await deliverKeys(batch, lone);
  expect(fate).toEqual({ acked: false, delay: expect.any(Number) });
});

test("where the operator's own billing knows the flats, it is asked before a key leaves", async () => {
  const { uid, panelip } = await aWaitingKey();
  await env.DB.prepare("DELETE FROM contracts WHERE uid = ?").bind(uid).run();
  const { lone } = withoutQueue();
  const http = { ...lone, BILLING: "http", BILLING_URL: "http://billing.test" };
  await addKey(http, { uid, key: "00b2", comment: "" });
  const asked: string[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    asked.push(`${new URL(request.url).host} ${await request.clone().text()}`);
    return request.url.includes("billing.test") ? Response.json({ result: 12 }) : new Response("OK");
  });
  const [device] = (
    await env.DB.prepare("SELECT device_id FROM panel_jobs WHERE uid = ? AND key = '00b2'").bind(uid).all()
  ).results;
  await deliverKeys(aBatch({ device: device!.device_id, uid, key: "00b2" }).batch, http);
  expect(asked).toEqual([
    `billing.test {"uid":${uid}}`,
    `${panelip} {"uuid":"00b2","panelCode":12,"encryption":false}`,
  ]);
});
