import { env, runDurableObjectAlarm } from "cloudflare:test";
import { expect, test } from "vitest";
import { makeExtension } from "#intercom/sip-accounts.ts";
import { changeDevice } from "#premises/registry.ts";
import { aCamera, aLock, call } from "../support/world.ts";
import { aMonitorNumber, anExtension, aPanelNumber, realtime } from "./pbx.ts";

const KINDS = ["aors", "auths", "endpoints"];
const pairs = (line: string) => Object.fromEntries(new URLSearchParams(line));
/** As Asterisk 16 sends it when it loads its endpoints. */
const EVERYTHING = "id%20LIKE=%25";
const linesOf = async (kind: string, form = EVERYTHING) => (await realtime(`${kind}/multi`, form)).split("\n");

test("a door panel has an aor, an auth and an endpoint, each in one line of URL-encoded pairs", async () => {
  const { domophoneid, extension: id } = aPanelNumber();
  await aCamera({ domophoneid, sippassword: "s3cret & more=100%" });
  expect(await realtime("aors/single", `id=${id}`)).toBe(
    `id=${id}&max_contacts=1&remove_existing=yes&default_expiration=600&maximum_expiration=720`,
  );
  expect(await realtime("auths/single", `id=${id}%40pbx.example.net`)).toBe(
    `id=${id}&username=${id}&auth_type=userpass&password=s3cret%20%26%20more%3D100%25`,
  );
  expect(await realtime("endpoints/single", `id=${id}`)).toBe(
    [
      `id=${id}&auth=${id}&outbound_auth=${id}&aors=${id}&callerid=${id}&context=default&disallow=all&allow=alaw%2Ch264`,
      "rtp_symmetric=no&force_rport=no&rewrite_contact=yes&timers=no&direct_media=no&allow_subscribe=yes",
      "dtmf_mode=rfc4733&ice_support=no",
    ].join("&"),
  );
});

test("an indoor monitor answers under 4000000000 and its number", async () => {
  const { monitorid, extension: id } = aMonitorNumber();
  await aLock({ type: 5, monitorid, sippassword: "m0nitor" });
  expect(pairs(await realtime("auths/single", `id=${id}`))).toMatchObject({ id, password: "m0nitor" });
  expect(pairs(await realtime("aors/single", `id=${id}`))).toMatchObject({ id, maximum_expiration: "720" });
  expect(pairs(await realtime("endpoints/single", `id=${id}`))).toMatchObject({ id, ice_support: "no" });
});

test("a phone's extension is known from the moment it is made until its alarm ends it", async () => {
  const id = anExtension();
  for (const kind of KINDS) expect(await realtime(`${kind}/single`, `id=${id}`)).toBe("");
  await makeExtension(env, id, "f00d");
  expect(await realtime("aors/single", `id=${id}@host`)).toBe(`id=${id}&max_contacts=1&remove_existing=yes`);
  expect(pairs(await realtime("auths/single", `id=${id}`))).toEqual({
    ...{ id, username: id, auth_type: "userpass", password: "f00d" },
  });
  expect(pairs(await realtime("endpoints/single", `id=${id}`))).toMatchObject({
    ...{ rtp_symmetric: "yes", force_rport: "yes", ice_support: "yes", aors: id },
  });
  expect(await runDurableObjectAlarm(env.TEMPORARY_EXTENSIONS.getByName(`main:${id}`))).toBe(true);
  for (const kind of KINDS) expect(await realtime(`${kind}/single`, `id=${id}`)).toBe("");
});

test("an extension that is past its life is unknown, even before its alarm", async () => {
  const object = env.TEMPORARY_EXTENSIONS.getByName(`main:${anExtension()}`);
  await object.make("f00d", 180, Date.now() - 181_000);
  expect(await object.password()).toBeUndefined();
});

test("Defect 60: all accounts are listed whichever of the two numbers a device lacks, and a missing one is an empty answer", async () => {
  const [panel, monitor, both] = [aPanelNumber(), aMonitorNumber(), { ...aPanelNumber(), ...aMonitorNumber() }];
  const panelOfBoth = String(100_000 + both.domophoneid);
  await aCamera({ domophoneid: panel.domophoneid, monitorid: null, sippassword: "a" });
  await aLock({ type: 5, monitorid: monitor.monitorid, domophoneid: null, sippassword: "b" });
  await aLock({ type: 5, monitorid: both.monitorid, domophoneid: both.domophoneid, sippassword: "c" });
  const mobile = anExtension();
  await makeExtension(env, mobile, "f00d");
  for (const kind of KINDS) {
    const ids = (await linesOf(kind, "")).map((line) => pairs(line).id);
    expect(ids).toEqual(expect.arrayContaining([panel.extension, monitor.extension, panelOfBoth, both.extension]));
    expect(ids).not.toContain(mobile);
    expect(await realtime(`${kind}/single`, `id=${anExtension()}`)).toBe("");
  }
});

test("an inactive device, and one without a password, cannot sign in", async () => {
  const [off, bare] = [aPanelNumber(), aPanelNumber()];
  const { deviceId } = await aCamera({ domophoneid: off.domophoneid, sippassword: "a" });
  await aCamera({ domophoneid: bare.domophoneid });
  expect(await realtime("auths/single", `id=${off.extension}`)).not.toBe("");
  await changeDevice(env, deviceId, { isActive: false });
  for (const kind of KINDS) {
    expect(await realtime(`${kind}/single`, `id=${off.extension}`)).toBe("");
    expect((await linesOf(kind)).map((line) => pairs(line).id)).not.toContain(off.extension);
  }
  expect(await realtime("auths/single", `id=${bare.extension}`)).toBe("");
  expect((await linesOf("auths")).map((line) => pairs(line).id)).not.toContain(bare.extension);
});

test.each([
  "",
  "id=",
  "id=100000",
  "id=999999",
  "id=10003",
  "id=1000310",
  "id=abc",
  "id=5000000001",
  "id=%",
  "endpoint=1",
  "{}",
])("nobody has the number of %j", async (form) => {
  for (const kind of KINDS) expect(await realtime(`${kind}/single`, form)).toBe("");
});

test("a list is narrowed as Asterisk asks, by fields that the objects have", async () => {
  const { domophoneid, extension: id } = aPanelNumber();
  await aCamera({ domophoneid, sippassword: "a" });
  const ids = async (kind: string, form: string) =>
    (await linesOf(kind, form)).filter(Boolean).map((line) => pairs(line).id);
  expect(await ids("aors", `id+LIKE=${id}`)).toEqual([id]);
  expect(await ids("aors", `id%20LIKE=${id.slice(0, 5)}%25`)).toContain(id);
  expect(await ids("aors", `id=${id}`)).toEqual([id]);
  expect(await ids("aors", "id+LIKE=_____.")).toEqual([]);
  // As a regular expression taken over bluntly this would not be over in a lifetime.
  expect(await ids("aors", `id+LIKE=${"%25".repeat(100)}x`)).toEqual([]);
  expect(await ids("aors", "qualify_frequency+%3E=0")).toEqual([]);
  expect(await ids("endpoints", "mailboxes+!%3D=")).toEqual([]);
  expect(await ids("aors", "maximum_expiration+%3E=719")).toContain(id);
});

test("what Asterisk asks beside the accounts gets an answer that it can read", async () => {
  for (const kind of KINDS) {
    expect(await realtime(`${kind}/require`, "id=char%3A10")).toBe("0\n");
    for (const change of ["store", "update?id=100031", "destroy"])
      expect(await realtime(`${kind}/${change}`, "id=100031")).toBe("-1\n");
  }
});

test.each<[string, Record<string, string>]>([
  ["no credentials", {}],
  ["another bearer", { authorization: "Bearer wrong" }],
  ["another password", { authorization: `Basic ${btoa("asterisk:wrong")}` }],
  ["the token as the user's name", { authorization: `Basic ${btoa(`${env.INTEGRATION_TOKEN}:`)}` }],
])("Defect 24: with %s nothing of the PBX's side answers", async (_, headers) => {
  const paths = [
    ...KINDS.flatMap((kind) => ["single", "multi", "require", "store"].map((call) => `/asterisk/${kind}/${call}`)),
    ...["uidFromflatNumber", "precall", "domophone", "camshot", "subscribers", "push", "blacklist", "autoopen"].map(
      (name) => `/asterisk/extensions/${name}`,
    ),
    ...["/indoor/uidfromuids", "/indoor/newEvent", "/local/api/carnumber", "/local/api/event"],
  ];
  for (const path of paths) {
    const response = await call(path, { method: "POST", headers, body: "id=100031" });
    expect([path, response.status]).toEqual([path, 401]);
    expect(response.headers.get("www-authenticate")).toMatch(/^Basic/);
  }
});
