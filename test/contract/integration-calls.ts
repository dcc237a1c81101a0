import * as z from "zod";
import type { World } from "./world.ts";

// What media servers, billing, the PBX, panels, readers and banks call: each as it writes the call, and what it can read.

export interface Call {
  /** Its numbers in the table of the old server, 1 to 132. */
  row: number;
  path: string;
  method?: "GET" | "POST";
  /** Who calls: nobody in particular, the operator's systems, a controller of doors. */
  as: "anybody" | "operator" | "controller";
  json?: ((world: World) => unknown) | undefined;
  form?: ((world: World) => Record<string, string>) | undefined;
  query?: (world: World) => Record<string, string>;
  status?: number;
  /** Shape of a JSON answer. */
  data?: z.ZodType;
  /** Form of a text answer; of no importance where neither is given. */
  text?: RegExp;
}

const bill = (row: number, name: string, json: Call["json"], data?: z.ZodType): Call => ({
  ...{ row, path: `/bill/api/${name}/`, as: "operator", json },
  ...(data ? { data } : { text: /^$/ }),
});

const realtime = (row: number, name: string, form: Call["form"], text: RegExp): Call => ({
  ...{ row, path: `/asterisk/${name}`, as: "operator", form: form ?? (() => ({})), text },
});

const dialplan = (row: number, name: string, json: Call["json"], answer: z.ZodType | RegExp): Call => ({
  ...{ row, path: `/asterisk/extensions/${name}`, as: "operator", json },
  ...(answer instanceof RegExp ? { text: answer } : { data: answer }),
});

const Device = z.object({ device_id: z.int(), device_type: z.int(), title: z.string() });
const Door = z.object({
  ...{ id: z.int(), open: z.string(), device_id: z.int(), cam: z.int(), icon: z.string(), name: z.string() },
  ...{ rubetek_uuid: z.string().optional(), rubetek_ext: z.int().optional(), z5r_serial: z.string().optional() },
});

export const CALLS: readonly Call[] = [
  { row: 86, path: "/api/", method: "GET", as: "anybody", text: /./ },
  { row: 87, path: "/api/402/index.m3u8", method: "GET", as: "anybody", status: 402, text: /^$/ },
  { row: 88, path: "/api/404/index.m3u8", method: "GET", as: "anybody", status: 404, text: /^$/ },
  {
    ...{ row: 89, path: "/api/accessfl", method: "GET", as: "anybody" },
    query: ({ stream, cameraToken }) => ({ name: stream, token: cameraToken, ip: "203.0.113.9", proto: "hls" }),
  },
  {
    ...{ row: 90, path: "/api/cams/caminit", as: "anybody", json: ({ mac }) => ({ macaddress: mac, protocol: "srt" }) },
    data: z.object({ code: z.literal(200), server: z.string(), port: z.int(), name: z.uuid() }),
  },
  { row: 66, path: "/api/spaysuccess", method: "GET", as: "anybody", status: 403, query: () => ({ mdOrder: "1" }) },
  { row: 67, path: "/api/paysuccess", method: "GET", as: "anybody", status: 403, query: () => ({ mdOrder: "1" }) },
  {
    ...{ row: 68, path: "/api/upaysuccess", as: "anybody", text: /OK/ },
    json: () => ({ event: "payment.waiting_for_capture", object: { id: "2d5c", status: "pending", paid: false } }),
  },

  { ...bill(92, "auth", () => ({}), z.object({ token: z.string() })) },
  bill(93, "types_list", () => ({}), z.object({ types: z.array(z.object({ id: z.int(), type: z.string() })).min(5) })),
  bill(94, "devices_list", () => ({}), z.object({ devices: z.array(Device).min(1) })),
  bill(
    ...([95, "devices_add"] as const),
    () => ({ device_type: 1, title: "Двор", url: "https://vd.example.net", is_active: true, record_days: 7 }),
    z.object({ message: z.string(), device_id: z.int() }),
  ),
  bill(96, "devices_mod", ({ spare }) => ({ device_id: spare, title: "Двор 2" })),
  bill(102, "address_devices_list", ({ address }) => ({ address }), z.object({ devices: z.array(z.unknown()) })),
  bill(103, "address_devices_update", ({ spare }) => ({
    data: [{ device_id: spare, latitude: "54.19", longitude: "137.617348" }],
  })),
  bill(98, "doors_list", () => ({}), z.object({ doors: z.array(Door).min(1) })),
  bill(99, "doors_add", ({ lock, camera }) => ({
    ...{ device_id: lock, cam: camera, entrance: 1, icon: "gate", name: "Ворота" },
    ...{ open: "http://panel.example.net/gate", open_trait: "PUT", z5r_serial: "70001" },
  })),
  bill(100, "doors_mod", ({ spareDoor }) => ({ doors_id: spareDoor, name: "Калитка" })),
  bill(101, "doors_del", ({ spareDoor }) => ({ doors_id: spareDoor })),
  bill(97, "devices_del", ({ spare }) => ({ device_id: spare })),
  bill(105, "keys_add", ({ uid }) => ({ uid, key: "00A1B2C3", comment: "брелок" })),
  bill(104, "keys_list", ({ uid }) => ({ uid }), z.object({ keys: z.array(z.object({ key: z.string() })).min(1) })),
  bill(106, "keys_del", ({ uid }) => ({ uid, key: "00a1b2c3" })),
  bill(108, "rights_add", ({ uid, camera }) => ({ uid, device_id: [String(camera)] })),
  bill(107, "rights_list", ({ uid }) => ({ uid }), z.object({ rights: z.array(z.unknown()).min(1) })),
  bill(109, "rights_del", ({ uid }) => ({ uid, device_id: 999_999_999 })),
  bill(
    113,
    "users/clients/create",
    ({ newUid }) => ({ uid: newUid, login: `n${newUid}`, address: "г. Тула" }),
    z.object({ id: z.int() }),
  ),
  bill(110, "users/clients", () => ({}), z.object({ clients: z.array(z.unknown()).min(1) })),
  bill(111, "users/clients/edit", ({ newUid }) => ({ uid: newUid, address: "г. Тула, ул. Мира" })),
  bill(112, "users/clients/change_password", ({ newUid }) => ({ uid: newUid, password: "four quiet lamps" })),
  bill(114, "users/clients/delete", ({ newUid }) => ({ uid: newUid })),

  realtime(115, "aors/single", ({ panel }) => ({ id: panel }), /^id=1\d{5}&max_contacts=1&remove_existing=yes&/),
  realtime(116, "aors/multi", undefined, /(^|\n)id=1\d{5}&.*\n/),
  realtime(
    117,
    "auths/single",
    ({ panel }) => ({ id: `${panel}@pbx` }),
    /^id=(1\d{5})&username=\1&auth_type=userpass&password=.+/,
  ),
  realtime(118, "auths/multi", undefined, /(^|\n)id=1\d{5}&username=/),
  realtime(
    119,
    "endpoints/single",
    ({ panel }) => ({ id: panel }),
    /^id=(1\d{5})&.*context=default.*allow=alaw(%2C|,)h264/,
  ),
  realtime(120, "endpoints/multi", undefined, /(^|\n)id=1\d{5}&.*ice_support=no/),
  dialplan(
    121,
    "uidFromflatNumber",
    ({ domophone, flatNumber }) => ({ domophoneId: domophone, flatNumber }),
    z.object({ uid: z.int() }),
  ),
  dialplan(
    ...([122, "precall"] as const),
    ({ domophone, uid }) => ({ domophoneId: domophone, uid }),
    z.object({
      ...{ autoBlock: z.literal(0), manualBlock: z.int(), autoOpen: z.int(), whiteRabbit: z.int(), deviceId: z.int() },
      ...{
        deviceIP: z.string(),
        dtmf: z.union([z.int(), z.string()]),
        intercoms: z.array(z.int()),
        onlyAudio: z.literal(0),
      },
    }),
  ),
  dialplan(
    123,
    "domophone",
    ({ domophone }) => domophone,
    z.object({ deviceId: z.int(), device_uuid: z.uuid(), callerId: z.string() }),
  ),
  dialplan(124, "camshot", ({ domophone }) => ({ domophoneId: domophone }), /^$/),
  dialplan(
    ...([125, "subscribers"] as const),
    ({ uid }) => uid,
    z
      .array(
        z.object({
          ...{ mobile: z.string(), voipEnabled: z.int(), platform: z.int(), tokenType: z.int() },
          ...{ voipToken: z.string(), pushToken: z.string() },
        }),
      )
      .min(1),
  ),
  dialplan(
    ...([126, "push"] as const),
    ({ pushToken, stream, uid }) => ({
      ...{ token: pushToken, platform: 0, extension: 2_000_000_042, hash: "f00d4f00d4f00d4f", dtmf: 1 },
      ...{ device_uuid: stream, callerId: "Подъезд 2", uid, flatNumber: 17 },
    }),
    /^$/,
  ),
  dialplan(127, "blacklist", ({ uid }) => uid, z.object({ autoBlock: z.int(), manualBlock: z.int() })),
  dialplan(128, "autoopen", ({ uid }) => uid, /^(true|false)$/),
  {
    row: 129,
    path: "/indoor/uidfromuids",
    as: "operator",
    json: ({ uid, flatNumber }) => ({ uids: [uid], flat: flatNumber }),
    text: /^\d+$/,
  },
  {
    ...{ row: 130, path: "/indoor/newEvent", as: "operator", text: /^$/ },
    json: ({ uid, camera }) => ({ uid, deviceId: camera, sendData: { title: "Дверь открыта" } }),
  },
  {
    ...{ row: 131, path: "/local/api/carnumber", as: "operator" },
    json: ({ rubetek, plate }) => ({ uuid: rubetek, event: plate, externalCamera: false }),
    data: z.object({ jsonrpc: z.literal("2.0"), action: z.literal(true) }),
  },
  {
    ...{ row: 132, path: "/z5rweb", as: "controller" },
    json: ({ z5r, card }) => ({
      type: "Z5RWEB",
      sn: z5r,
      messages: [{ id: 5, operation: "check_access", card, reader: 1 }],
    }),
    data: z.object({
      date: z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
      interval: z.int(),
      messages: z.array(z.object({ id: z.literal(5), operation: z.literal("check_access"), granted: z.literal(1) })),
    }),
  },
];

/** What the old server had and we do not, with the reason. */
export const DROPPED: ReadonlyMap<number, string> = new Map([
  [59, "worker/workflow: a demo list of a space company's launches"],
  [73, "hcs/appealslist: four invented complaints; hcs/appealsList has the resident's own"],
  [74, "hcs/appealtype: ten empty texts; hcs/appealsCategory has the categories"],
  [75, "hcs/newappeal: a form that was printed and thrown away; hcs/newAppeal keeps it"],
]);
