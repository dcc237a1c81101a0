import { expect, test } from "vitest";
import { settings } from "#env.ts";
import { apnsPayload } from "#messaging/push/apns.ts";
import { callContent, type DoorCall } from "#messaging/push/calls.ts";
import { fitted, type Push, type PushAddress } from "#messaging/push/content.ts";
import { fcmMessage } from "#messaging/push/fcm-message.ts";
import { harmonyMessage } from "#messaging/push/harmony.ts";
import { hmsMessage } from "#messaging/push/hms.ts";
import { textContent } from "#messaging/push/texts.ts";
import { serviceOf } from "#messaging/push/ways.ts";
import { envWith } from "../support/world.ts";
import { NOW } from "./support.ts";

const call: DoorCall = {
  ...{ extension: "2000000042", pass: "s3cret", dtmf: "1", callerId: "Подъезд 2", uid: 501, flatNumber: "17" },
  ...{ domophoneId: 31, hash: "camshot-hash", at: NOW },
  image: "https://api.example.net/images/1?sig=a",
  live: "https://api.example.net/images/live?sig=b",
};
const TIMESTAMP = String(NOW.getTime() / 1000);
const config = settings(envWith({}));

const address = (platform: PushAddress["platform"], change: Partial<PushAddress> = {}): PushAddress => ({
  ...{ platform, token: "token-1234567890", service: null, voipToken: null, production: true, ...change },
});
const push = (to: PushAddress, content: Push["content"], seconds = 30): Push => ({
  ...{ address: to, content, seconds, timeLimitMs: 1000, now: NOW },
});
const ringing = (to: PushAddress, change: Partial<DoorCall> = {}) =>
  push(to, callContent(to, { ...call, ...change }, config));

const SHARED = {
  ...{ server: "api.example.net", callerId: "Подъезд 2", timestamp: TIMESTAMP, ttl: "30", type: "call" },
  ...{ flatId: "501", houseId: "501", flatNumber: "17", domophoneId: "31" },
};
const PHONE = {
  ...SHARED,
  ...{ port: "5401", transport: "tcp", extension: "2000000042", pass: "s3cret", dtmf: "1" },
  ...{ image: call.image, live: call.live, webRtcUrl: "", noVideoSip: "false" },
  ...{ stun_transport: "udp", stunTransport: "udp" },
};

test("Android gets a call as data of high priority that is over in 30 seconds", () => {
  expect(fcmMessage(ringing(address("android")))).toEqual({
    token: "token-1234567890",
    data: { ...PHONE, platform: "android" },
    android: { priority: "HIGH", ttl: "30s", collapse_key: "call-2000000042" },
  });
});

test("iOS gets a call as an alert with the buttons of a door, which its extension may change", () => {
  expect(fcmMessage(ringing(address("ios")))).toEqual({
    token: "token-1234567890",
    data: { ...PHONE, platform: "ios" },
    apns: {
      headers: {
        ...{ "apns-push-type": "alert", "apns-priority": "10", "apns-collapse-id": "call-2000000042" },
        "apns-expiration": String(Number(TIMESTAMP) + 60),
      },
      payload: {
        aps: {
          ...{ alert: { title: "Входящий вызов", body: "Подъезд 2" }, badge: 1, sound: "default" },
          ...{ category: "INCOMING_DOOR_CALL", "mutable-content": 1 },
        },
      },
    },
  });
});

test("over CallKit the fields of a call lie under data, and nothing is shown by the phone itself", () => {
  expect(apnsPayload(ringing(address("ios", { voipToken: "voip-token" })))).toEqual({
    aps: {},
    data: { ...PHONE, platform: "ios" },
  });
});

test("what Apple itself brings without CallKit has its fields beside aps", () => {
  const payload = apnsPayload(ringing(address("ios", { service: "apns" })));
  expect(payload).toMatchObject({ ...PHONE, aps: { category: "INCOMING_DOOR_CALL" } });
  expect(payload).not.toHaveProperty("data");
});

test("a browser gets who rings, what opens the door and the picture's hash, and nothing to answer with", () => {
  expect(fcmMessage(ringing(address("web")))).toEqual({
    token: "token-1234567890",
    data: { ...SHARED, platform: "web", hash: "camshot-hash" },
    webpush: { headers: { Urgency: "high", TTL: "30" } },
  });
});

test("Harmony gets a call's data as one text, to an app that Huawei wakes for calls", () => {
  const { payload, ...rest } = harmonyMessage(ringing(address("harmony")));
  expect(JSON.parse((payload as { extraData: string }).extraData)).toEqual({ ...PHONE, platform: "android" });
  expect(rest).toEqual({ target: { token: ["token-1234567890"] }, pushOptions: { ttl: 30 } });
});

test("Harmony shows a text itself, and its app reads the data at the tap", () => {
  const news = { title: "Письмо", text: "Воды не будет", messageId: 7, badge: 120 };
  const shown = (action: "inbox" | "eventLog") =>
    harmonyMessage(push(address("harmony"), textContent({ ...news, action }), 600)).payload;
  const { data } = textContent({ ...news, action: "inbox" });
  expect(shown("inbox")).toEqual({
    notification: {
      ...{ category: "ACCOUNT", title: "Письмо", body: "Воды не будет", badge: { setNum: 99 } },
      clickAction: { actionType: 0, data },
    },
  });
  expect(shown("eventLog")).toMatchObject({ notification: { category: "DEVICE_REMINDER" } });
});

test("before its fifth version Harmony gets what Android gets, as one text", () => {
  const { data, ...rest } = hmsMessage(ringing(address("harmony")));
  expect(JSON.parse(data)).toEqual({ ...PHONE, platform: "android" });
  expect(rest).toEqual({ android: { urgency: "HIGH", ttl: "30s" }, token: ["token-1234567890"] });
});

test.each(["android", "ios", "harmony"] as const)(
  "with a hash %s would leave its password aside, so it gets none",
  (platform) => {
    expect(callContent(address(platform), call, config).data).not.toHaveProperty("hash");
  },
);

test.each(["android", "ios", "harmony", "web"] as const)("every value of a call to %s is text", (platform) => {
  const { data } = callContent(address(platform), call, config);
  expect(Object.values(data).every((value) => typeof value === "string")).toBe(true);
  expect(data.timestamp).toMatch(/^\d+$/);
});

test("the settings say where the apps register, and STUN only where there is one", () => {
  const own = settings(
    envWith({
      SIP_SERVER: "sip.example.net",
      SIP_PORT: "5060",
      SIP_TRANSPORT: "udp",
      SIP_STUN: "stun:s.example.net:3478",
    }),
  );
  expect(callContent(address("android"), call, own).data).toMatchObject({
    ...{ server: "sip.example.net", port: "5060", transport: "udp", stun: "stun:s.example.net:3478" },
  });
  expect(callContent(address("android"), call, config).data).not.toHaveProperty("stun");
});

test("iOS fails without the keys of pictures, so they are there even when there is no picture", () => {
  const { data } = callContent(address("ios"), { ...call, image: undefined, live: undefined }, config);
  expect(data).toMatchObject({ image: "", live: "" });
});

const text = textContent({
  ...{ title: "Новое сообщение", text: "Завтра не будет воды", action: "inbox", messageId: 12, badge: 3 },
  data: { houseId: "501", from: "x", "google.c": "x", gcm: "x", message_type: "x" },
});
const READ = {
  ...{ title: "Новое сообщение", body: "Завтра не будет воды", action: "inbox", messageId: "12", badge: "3" },
  ...{ messageType: "inbox", houseId: "501" },
};
const SHOWN = { title: "Новое сообщение", body: "Завтра не будет воды" };

test.each([
  ["android", { data: READ, android: { priority: "HIGH", ttl: "600s" } }],
  [
    "ios",
    {
      data: READ,
      apns: {
        headers: {
          ...{ "apns-push-type": "alert", "apns-priority": "10" },
          "apns-expiration": String(Number(TIMESTAMP) + 600),
        },
        payload: { aps: { alert: SHOWN, sound: "default", badge: 3 } },
      },
    },
  ],
  ["web", { data: READ, notification: SHOWN, webpush: { headers: { Urgency: "high", TTL: "600" } } }],
] as const)(
  "a text to %s is what its app reads, without the words that Firebase keeps for itself",
  (platform, expected) => {
    expect(fcmMessage(push(address(platform), text, 600))).toEqual({ token: "token-1234567890", ...expected });
  },
);

test("what stands in no inbox has no number there, and a badge that Android can read all the same", () => {
  const { data } = textContent({ title: "Оплата", text: "100 ₽", action: "paySuccess" });
  expect(data).toEqual({ title: "Оплата", body: "100 ₽", action: "paySuccess", badge: "0" });
});

test.each([
  ["plain", "a".repeat(4_000)],
  ["Cyrillic", "Ж".repeat(4_000)],
  ["emoji", "🚪".repeat(4_000)],
  ["quotes, which JSON doubles", '"'.repeat(4_000)],
])("a long text fits into a push: %s", (_, long) => {
  const content = fitted(textContent({ title: "Т".repeat(500), text: long, action: "inbox", messageId: 1, badge: 1 }));
  for (const platform of ["android", "ios", "web"] as const) {
    const { token: _, ...message } = fcmMessage(push(address(platform), content));
    expect(new TextEncoder().encode(JSON.stringify(message)).length).toBeLessThanOrEqual(4_096);
  }
  const harmony = harmonyMessage(push(address("harmony"), content));
  expect(new TextEncoder().encode(JSON.stringify(harmony)).length).toBeLessThanOrEqual(4_096);
  expect(content.data.body!.length).toBeGreaterThan(400);
  expect(content.data.body).toMatch(/[^\ud800-\udbff]…$/);
  expect(content.notice!.body).toBe(content.data.body);
});

test("a short text stays as it is", () => {
  expect(fitted(text)).toEqual(text);
});

test.each([
  [address("android"), "fcm"],
  [address("android", { service: "fcm" }), "fcm"],
  [address("android", { service: "HMS" }), "hms"],
  [address("android", { service: "rustore" }), "rustore"],
  [address("android", { service: "something new" }), "fcm"],
  [address("harmony", { service: "fcm" }), "harmony"],
  [address("ios"), "fcm"],
  [address("ios", { service: "apns" }), "apns"],
  [address("web"), "fcm"],
])("%o is reached by %s", (to, service) => {
  expect(serviceOf(to, config)).toBe(service);
});

test("an older system of Huawei's is reached where only its credentials are there", () => {
  const older = settings(envWith({ HMS_APP_ID: "1", HMS_APP_SECRET: "2" }));
  expect(serviceOf(address("harmony"), older)).toBe("hms");
});
