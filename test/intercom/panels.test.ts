import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { panelNumber } from "#intercom/dialplan.ts";
import { randomDigits } from "#platform/crypto.ts";
import { addDoor } from "#premises/registry.ts";
import { aCamera, aHome, aLock } from "../support/world.ts";

const aNumber = () => 100_000 + Number(randomDigits(8));

test("a panel with a camera opens its own lock, and not the first one that there is", async () => {
  await aHome(); // somebody else's door, which was there before
  const domophoneid = aNumber();
  const [panel, lock] = [await aCamera({ domophoneid }), await aLock()];
  const door = { icon: "entrance", name: "Подъезд 3", open: "http://panel.example.net/open" } as const;
  await addDoor(env, { ...door, deviceId: lock.deviceId, cam: panel.deviceId });
  expect(await panelNumber(env, domophoneid)).toMatchObject({ cameraId: panel.deviceId, lockId: lock.deviceId });
});

test("a panel that is entered as a lock is looked at by its own door's camera", async () => {
  await aHome();
  const domophoneid = aNumber();
  const [camera, panel] = [await aCamera(), await aLock({ domophoneid })];
  const door = { icon: "entrance", name: "Подъезд 4", open: "http://panel.example.net/open" } as const;
  await addDoor(env, { ...door, deviceId: panel.deviceId, cam: camera.deviceId });
  expect(await panelNumber(env, domophoneid)).toMatchObject({ cameraId: camera.deviceId, lockId: panel.deviceId });
});
