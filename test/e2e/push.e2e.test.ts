import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "./support/eventually.ts";
import { Google, type Taken } from "./support/google.ts";
import { INTEGRATION_TOKEN, Yardgate } from "./support/server.ts";
import { makeWorkspace } from "./support/workspace.ts";

// Pushes from the running Worker to a Firebase that lets nobody past without a token that its account has signed for.

const UID = 701;
const PHONES = ["79161250001", "79161250002", "79161250003"];
const tokenOf = (phone: string) => `app-of-${phone}-0123456789`;

let google: Google;
let yardgate: Yardgate;
let workspace: ReturnType<typeof makeWorkspace>;
const bearers = new Map<string, string>();

beforeAll(async () => {
  workspace = makeWorkspace();
  google = await Google.start();
  yardgate = await Yardgate.prepare(workspace.directory, () => ({
    ...{ SMS_TRANSPORT: "log", FCM_SERVICE_ACCOUNT: google.serviceAccount },
    ...{ FCM_URL: google.url, GOOGLE_TOKEN_URL: google.tokenUrl, SIP_SERVER: "sip.example.net" },
  }));
  await yardgate.start();
  await yardgate.billing("users/clients/create", {
    uid: UID,
    login: "701",
    address: "ул. Лесная, д. 1 кв. 7",
    phones: PHONES,
  });
  for (const phone of PHONES) await signIn(phone);
});

afterAll(async () => {
  await yardgate?.crash();
  await google?.stop();
  workspace?.remove();
});

/** Signs in with the code that development prints, and says where pushes reach this app. */
async function signIn(phone: string): Promise<void> {
  await yardgate.api("user/requestCode", { userPhone: phone });
  const printed = () => new RegExp(`"to":"${phone}","text":"[^"]*?(\\d{4})`).exec(yardgate.output())?.[1];
  const smsCode = await eventually(`the code for ${phone}`, printed);
  const { data } = await yardgate.api("user/confirmCode", { userPhone: phone, smsCode });
  bearers.set(phone, data.accessToken);
  const platform = phone === PHONES[1] ? { platform: "ios", type: 3 } : { platform: "android", pushService: "fcm" };
  await yardgate.api("user/registerPushToken", { pushToken: tokenOf(phone), ...platform }, data.accessToken);
}

const takenBy = (phone: string) => google.taken.filter(({ token }) => token === tokenOf(phone));

test("a message to a contract reaches every app of its people, with one token for all of them", async () => {
  await yardgate.billing("messages_add", { uid: UID, title: "Новости", text: "Завтра не будет воды" });

  await eventually("the pushes", () => google.taken.length === PHONES.length);
  for (const phone of PHONES) {
    const [push] = takenBy(phone);
    expect(push!.data).toMatchObject({ action: "inbox", title: "Новости", body: "Завтра не будет воды", badge: "1" });
    const { data } = await yardgate.api("inbox/unreaded", {}, bearers.get(phone));
    expect(data).toMatchObject({ count: 1 });
  }
  expect(takenBy(PHONES[0]!)[0]!.android).toMatchObject({ priority: "HIGH" });
  expect(takenBy(PHONES[1]!)[0]!.apns!.payload.aps).toMatchObject({
    ...{ alert: { title: "Новости", body: "Завтра не будет воды" }, badge: 1 },
  });
  expect(google.tokensGiven).toBe(1);
  expect(google.refusals).toEqual([]);
  await expect(sentStates()).resolves.toEqual(["sent"]);
});

/** The states that the pushes' rows come to. */
const sentStates = () =>
  eventually("the rows to be settled", () => {
    const rows = yardgate.rows("SELECT DISTINCT state FROM messages WHERE channel = 'push'");
    return rows.every(({ state }) => state === "sent") && rows.map(({ state }) => state);
  });

test("an app that was removed is forgotten, and the next message does not ask for it", async () => {
  const [removed] = PHONES as [string];
  google.removed.add(tokenOf(removed));
  await yardgate.billing("messages_add", { phone: removed, title: "Ещё", text: "Воду дали" });
  await eventually("the token to be forgotten", async () => {
    const { data } = await yardgate.api("user/pushTokens", {}, bearers.get(removed));
    return data.pushToken === "";
  });
  expect(takenBy(removed)).toHaveLength(1);
  const failed = yardgate.rows("SELECT error FROM messages WHERE recipient = ? AND state = 'failed'", tokenOf(removed));
  expect(failed).toEqual([{ error: "FCM: HTTP 404 UNREGISTERED" }]);

  const before = yardgate.rows("SELECT id FROM messages WHERE channel = 'push'").length;
  await yardgate.billing("messages_add", { phone: removed, title: "Снова", text: "Никто не услышит" });
  expect(yardgate.rows("SELECT id FROM messages WHERE channel = 'push'")).toHaveLength(before);
  expect((await yardgate.api("inbox/unreaded", {}, bearers.get(removed))).data).toMatchObject({ count: 3 });
});

test("whoever switched notifications off is not pushed to, and reads it all the same", async () => {
  const phone = PHONES[2]!;
  await yardgate.api("user/notification", { enable: "f" }, bearers.get(phone));
  const before = takenBy(phone).length;
  await yardgate.billing("messages_add", { uid: UID, title: "Тихо", text: "Без звука" });
  await eventually("the push to the neighbour", () => takenBy(PHONES[1]!).length === 2);
  expect(takenBy(phone)).toHaveLength(before);
  expect((await yardgate.api("inbox/unreaded", {}, bearers.get(phone))).data).toMatchObject({ count: 2 });
});

test("a call at the panel rings in the apps, each in its own shape, without waiting for a queue", async () => {
  const panel = { device_type: 1, title: "Подъезд 2", is_active: true, domophoneid: 31_001, sippassword: "s3cret" };
  const { device_id } = await yardgate.billing("devices_add", { ...panel, url: "https://vd.example.net" });
  const device_uuid = yardgate.rows("SELECT uuid FROM devices WHERE device_id = ?", device_id)[0]!.uuid;
  await yardgate.billing("rights_add", { uid: UID, device_id });
  const before = google.taken.length;
  for (const [n, phone] of [PHONES[1]!, PHONES[2]!].entries()) {
    const platform = n === 0 ? 1 : 0;
    const response = await fetch(`${yardgate.url}/asterisk/extensions/push`, {
      method: "POST",
      headers: { authorization: `Bearer ${INTEGRATION_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({
        ...{ token: tokenOf(phone), platform, extension: 2_000_000_040 + n, hash: "f00d4f00d4f00d4f", dtmf: 1 },
        ...{ device_uuid, callerId: "Подъезд 2", uid: UID, flatNumber: "7" },
      }),
    });
    expect(response.status).toBe(200);
    expect(google.taken).toHaveLength(before + n + 1); // the answer comes after the push has left
  }
  const [ios, android] = google.taken.slice(before) as [Taken, Taken];
  const shared = {
    server: "sip.example.net",
    port: "5401",
    transport: "tcp",
    pass: "f00d4f00d4f00d4f",
    flatId: String(UID),
  };
  expect(ios.data).toMatchObject({ ...shared, extension: "2000000040", platform: "ios" });
  expect(ios.apns!.payload.aps).toMatchObject({ category: "INCOMING_DOOR_CALL", "mutable-content": 1 });
  expect(android.data).toMatchObject({ ...shared, extension: "2000000041", platform: "android" });
  expect(android.android).toMatchObject({ priority: "HIGH", ttl: "30s" });
  expect(google.tokensGiven).toBe(1);
});

test("no token and no text of a push is in what the Worker printed", () => {
  for (const secret of ["app-of-", "Завтра не будет воды", "e2e-token-", "f00d4f00", "PRIVATE KEY"])
    expect(yardgate.output()).not.toContain(secret);
});
