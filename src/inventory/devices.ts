import { Hono } from "hono";
import * as z from "zod";
import type { AppEnv } from "#platform/http.ts";
import { enteredSecret, MediaSecret } from "#premises/media/media-secret.ts";
import {
  addDevice,
  changeDevice,
  type DeviceChange,
  deleteDevice,
  devicesAt,
  listDevices,
  type OpenDevice,
  placeDevices,
} from "#premises/registry.ts";
import { SERVER_TYPES } from "#premises/tables.ts";
import { describe, done, fields } from "./envelope.ts";
import { Count, degrees, Flag, Id, numeric, optional, Text } from "./fields.ts";

/** POST /bill/api/devices_*, types_list, address_devices_*: cameras, locks, monitors. */
export const devices = new Hono<AppEnv>();

/** What the contract calls the types of devices, by number. */
export const TYPES = ["cam", "newcam", "lock", "iptv", "monitor"] as const;

export const typeName = (type: number) => TYPES[type - 1] ?? "";

const Types = z.object({ types: z.array(z.object({ id: z.int(), type: z.enum(TYPES) })) });

devices.post("/types_list/", describe("List the types of devices", Types), (c) =>
  c.json({ types: TYPES.map((type, index) => ({ id: index + 1, type })) }),
);

const Listed = z.looseObject({ device_id: z.int(), device_uuid: z.uuid(), device_type: z.int(), title: z.string() });

devices.post("/devices_list/", describe("List devices", z.object({ devices: z.array(Listed) })), async (c) => {
  const all = await listDevices(c.env);
  return c.json({ devices: all.map(deviceView) });
});

// A bare host is taken as https: that is how the operators' manual shows it.
const MediaServer = z
  .string()
  .trim()
  .transform((text) => (text.includes("://") ? text : `https://${text}`).replace(/\/+$/, ""))
  .pipe(z.url({ protocol: /^https?$/ }).max(1024))
  .refine((url) => !URL.parse(url)?.username, "The media server's URL goes to the apps and may hold no credentials");

// As the database compares it: aa:bb:cc:dd:ee:ff, however it was typed.
const Mac = Text.transform((text) => text.toLowerCase().replace(/[^0-9a-f]/g, ""))
  .pipe(z.string().regex(/^[0-9a-f]{12}$/))
  .transform((digits) => digits.match(/../g)!.join(":"));

/** Systems that have no null write 0 for "not used". */
const SipNumber = optional(Count).transform((number) => (number === 0 ? null : number));

const DeviceFields = z.object({
  device_type: Id.pipe(z.int().max(TYPES.length)).optional(),
  url: optional(MediaServer),
  stream: optional(Text),
  is_active: Flag.nullish(),
  title: Text.pipe(z.string().min(1)).optional(),
  address: optional(Text),
  longitude: optional(degrees(180)),
  latitude: optional(degrees(90)),
  record_days: optional(Count),
  domophoneid: SipNumber,
  monitorid: SipNumber,
  sippassword: optional(Text),
  dtmf: optional(Text),
  camshot: optional(Text),
  paneltype: optional(Count),
  panelip: optional(Text),
  panellogin: optional(Text),
  panelpasswd: optional(Text),
  device_mac: optional(Mac),
  port: optional(Count.pipe(z.int().min(1).max(65_535))),
  server_type: z.enum(SERVER_TYPES).nullish(),
  hls_mode: optional(z.enum(["fmp4", "mpegts"])),
  has_sound: Flag.nullish(),
  media_secret: optional(MediaSecret),
});
const NewDevice = DeviceFields.required({ device_type: true, title: true });
const Added = z.object({ message: z.string(), device_id: z.int() });

devices.post("/devices_add/", describe("Add a device", Added), fields(NewDevice), async (c) => {
  const { device_type: type, title, ...rest } = c.req.valid("json");
  const { deviceId } = await addDevice(c.env, { ...changeOf(rest), type, title });
  return c.json({ message: "создано", device_id: deviceId });
});

const ChangedDevice = DeviceFields.extend({ device_id: Id });

devices.post("/devices_mod/", describe("Change a device"), fields(ChangedDevice), async (c) => {
  const { device_id, ...rest } = c.req.valid("json");
  await changeDevice(c.env, device_id, changeOf(rest));
  return done(c);
});

devices.post("/devices_del/", describe("Delete a device"), fields(z.object({ device_id: Id })), async (c) => {
  await deleteDevice(c.env, c.req.valid("json").device_id);
  return done(c);
});

const Placed = z.object({
  device_id: z.int(),
  title: z.string(),
  longitude: z.string().nullable(),
  latitude: z.string().nullable(),
});
const AtAddress = z.object({ devices: z.array(Placed) });

devices.post(
  "/address_devices_list/",
  describe("List the devices at an address", AtAddress),
  fields(z.object({ address: Text })),
  async (c) => {
    const found = await devicesAt(c.env, c.req.valid("json").address);
    return c.json({ devices: found.map(({ deviceId, ...device }) => ({ device_id: deviceId, ...device })) });
  },
);

const Place = z.object({ device_id: Id, latitude: degrees(90).nullable(), longitude: degrees(180).nullable() });
const Places = z.object({ data: z.array(Place).max(10_000) });

devices.post("/address_devices_update/", describe("Place devices on the map"), fields(Places), async (c) => {
  const { data } = c.req.valid("json");
  await placeDevices(
    c.env,
    data.map(({ device_id, latitude, longitude }) => ({ deviceId: device_id, latitude, longitude })),
  );
  return done(c);
});

function changeOf(fields: z.output<typeof DeviceFields>): DeviceChange {
  const { device_type, is_active, record_days, device_mac, server_type, hls_mode, has_sound, media_secret, ...same } =
    fields;
  return {
    ...same,
    type: device_type,
    // Not used, for a switch, is off.
    isActive: is_active === null ? false : is_active,
    hasSound: has_sound === null ? false : has_sound,
    recordDays: record_days,
    mac: device_mac,
    serverType: server_type === null ? "flussonic" : server_type,
    hlsMode: hls_mode,
    mediaSecret: media_secret,
  };
}

function deviceView(device: OpenDevice): z.input<typeof Listed> {
  const { deviceId, uuid, type, isActive, recordDays, dtmf, mac, serverType, hlsMode, hasSound, mediaSecret, ...same } =
    device;
  return {
    ...same,
    device_id: deviceId,
    device_uuid: uuid,
    device_type: type,
    is_active: isActive,
    record_days: recordDays,
    dtmf: numeric(dtmf),
    device_mac: mac,
    server_type: serverType,
    hls_mode: hlsMode,
    has_sound: hasSound,
    media_secret: enteredSecret(mediaSecret),
  };
}
