import { env } from "cloudflare:test";
import { expect } from "vitest";
import type { Env } from "#env.ts";
import { loadOnce } from "#premises/archive/delivery.ts";
import { aPhone, aResident, aUid, call, envWith, mobile, outside } from "../support/world.ts";
import { APPS, type App } from "./clients.ts";
import { answerOutside, MEDIA, outsideVars } from "./outside.ts";

/** A resident with everything that a call may be about, and the operator's things that integrations speak of. */
export interface World {
  env: Env;
  token: string;
  phone: string;
  uid: number;
  login: string;
  flatNumber: string;
  address: string;
  camera: number;
  /** The camera's stream and a token that opens it. */
  stream: string;
  cameraToken: string;
  lock: number;
  doorId: number;
  today: string;
  /** A stretch of archive that nobody has asked for, and a fragment that is ready. */
  rangeFrom: string;
  rangeTo: string;
  fragment: number;
  newPhone(): string;
  /** Phones that have a code on its way, with that code. */
  awaited: Record<App, { userPhone: string; smsCode: string }>;
  photo: string;
  /** A contract of somebody else's, with its password. */
  otherLogin: string;
  otherPassword: string;
  guestPhone: string;
  invited: Record<App, string>;
  qrCode: string;
  /** Events in which a face was seen, and faces that the flat knows. */
  faceEvents: Record<App, string>;
  faces: Record<App, number>;
  locationId: number;
  streetId: number;
  placeId: number;
  geoAddress: string;
  messageId: number;
  issue: string;
  orders: Record<App, string>;
  entry: number;
  category: number;
  nodeMac: string;
  node: string;
  // what integrations speak of
  mac: string;
  domophone: number;
  panel: string;
  pushToken: string;
  rubetek: string;
  plate: string;
  z5r: number;
  card: string;
  spare: number;
  spareDoor: number;
  newUid: number;
}

/** One call of the operator's systems, which must succeed. */
// biome-ignore lint/suspicious/noExplicitAny: each caller knows what it asked for
export async function bill(path: string, body: object = {}, environment: Env = env): Promise<any> {
  const response = await call(
    `/bill/api/${path}/`,
    {
      method: "POST",
      headers: { authorization: `Bearer ${env.INTEGRATION_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify(body),
    },
    environment,
  );
  const text = await response.text();
  if (response.status !== 200) throw new Error(`${path} answered ${response.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

let last = Date.now() % 100_000_000;
const aNumber = () => ++last;
const PASSWORD = "seventeen quiet lamps";
/** The smallest JPEG there is, as far as its first and last bytes go. */
const PHOTO = btoa(`\xff\xd8\xff\xe0\x00\x10JFIF${"\x00".repeat(64)}\xff\xd9`);

/** Everything made through the front doors, for one app to call. */
export async function aWorld(app: App): Promise<World> {
  const world = outside(answerOutside);
  // The queue would load fragments with the settings of the tests, in which no media server is listed.
  const ARCHIVE = { send: async () => {}, sendBatch: async () => {} };
  const environment = envWith({ ...outsideVars(), ARCHIVE });
  const [phone, uid] = [aPhone(), aUid()];
  const resident = await aResident({ phone });
  const address = `г. Тула, ул. Контрактная, д. ${aNumber()}`;
  const login = `k${uid}`;
  const tariffs = { cams: { price: 199, until: "2026-12-01", name: "Умный двор" }, internet: { price: 450 } };
  await bill("users/clients/create", { uid, login, address, flat: "17", phones: [phone], balance: -100, tariffs });
  const walls = await wallsOf(uid, address);
  const other = await anotherContract();
  const places = await placesOf(address);
  const { ids, token } = { ids: walls, token: resident.token };
  const ask = async (method: string, body: object = {}) => {
    const response = await mobile(method, body, { token, env: environment });
    const text = await response.text();
    if (response.status >= 300) throw new Error(`${method} answered ${response.status}: ${text}`);
    return text === "" ? undefined : (JSON.parse(text) as { data: never }).data;
  };
  const cameras = (await ask("cctv/all", { houseId: uid })) as unknown as { token: string; url: string }[];
  const pushToken = `push-token-of-${phone}`;
  await ask("user/registerPushToken", { platform: "android", pushToken, pushService: "fcm" });
  await bill("messages_add", { phone, title: "Работы", text: "Завтра с 10 до 12", key: `k${aNumber()}` });
  const messages = await bill("messages_list", { phone });
  const faceEvents = await eventsOf(uid, walls.camera, walls.domophone, environment);
  const issue = (await ask("issues/createV2", {
    type: "requestQRCodeOffice",
    inputAddress: address,
  })) as unknown as string;
  await bill("bills_update", {
    bills: [{ uid, name: "Водоканал", client: "1", payment_link: "https://pay.example.net", balance: 0, amount: 120 }],
  });
  const entry = await bill("entries_add", {
    ...{ uid, sum: -650, dsc: "Абонентская плата", service: "Умный двор" },
    ...{ start: "2026-10-01", end: "2026-10-31" },
  });
  const categories = (await ask("hcs/appealsCategory")) as unknown as { categoryId: number }[];
  const nodeMac = aMac();
  const node = await bill("sh_nodes_add", { mac: nodeMac, type: "hub", vendor: "acme" });
  const forEach = async <T>(make: (app: App) => Promise<T>) =>
    Object.fromEntries(await Promise.all(APPS.map(async (each) => [each, await make(each)]))) as Record<App, T>;
  const invited = await forEach(async () => {
    const guestPhone = aPhone();
    await ask("address/access", { flatId: uid, guestPhone, type: "inner" });
    return guestPhone;
  });
  const orders = await forEach(
    async () => (await ask("pay/prepare", { clientId: login, amount: "65000" })) as unknown as string,
  );
  const awaited = await forEach(async () => {
    const userPhone = aPhone();
    await mobile("user/requestCode", { userPhone }, { env: environment });
    return { userPhone, smsCode: await world.codeFor(userPhone) };
  });
  const faces = await forEach(async (each) => {
    const liked = (await ask("frs/like", { event: faceEvents[each].spare })) as unknown as { faceId: string | number };
    return Number(liked.faceId);
  });
  const [from, to] = [dayBefore("08:00:00"), dayBefore("08:05:00")];
  const fragment = (await ask("cctv/recPrepare", { id: walls.camera, from, to })) as unknown as number;
  await loadOnce(environment, fragment);
  const card = "00a1b2c3d4e5";
  const plate = `А${100 + (aNumber() % 900)}ВС71`;
  await bill("keys_add", { uid, key: card, comment: "ключ" });
  await bill("plates_add", { uid, plate });
  const code = await bill("flat_codes_add", { uid });
  return {
    ...{ env: environment, token, phone, uid, login, address, flatNumber: "17" },
    ...{ ...ids, cameraToken: cameras[0]!.token, stream: new URL(cameras[0]!.url).pathname.slice(1) },
    ...{
      today: dayOf(new Date()),
      ...rangeOf(app),
      fragment,
    },
    ...{
      newPhone: aPhone,
      awaited,
      photo: PHOTO,
      ...other,
      guestPhone: aPhone(),
      invited,
      qrCode: code.url ?? code.code,
    },
    faceEvents: Object.fromEntries(APPS.map((each) => [each, faceEvents[each].event])) as Record<App, string>,
    ...{ faces, ...places, messageId: messages.messages[0].id, issue, orders, entry: entry.id },
    ...{ category: categories[0]!.categoryId, node: node.node_uuid, nodeMac },
    ...{ pushToken, plate, card: `${card}0000`, newUid: aUid() },
  };
}

/** Somebody who has signed in and has no contract. */
export const emptyHanded = () => aResident();

const aMac = () => `02:${Array.from({ length: 5 }, () => (aNumber() % 256).toString(16).padStart(2, "0")).join(":")}`;

async function wallsOf(uid: number, address: string) {
  const domophone = 20_000 + (aNumber() % 70_000);
  const mac = `02:00:${[24, 16, 8, 0].map((shift) => ((aNumber() >> shift) & 255).toString(16).padStart(2, "0")).join(":")}`;
  const device = (fields: object) =>
    bill("devices_add", { is_active: true, address, ...fields }).then(({ device_id }) => device_id as number);
  const camera = await device({
    ...{ device_type: 1, title: "Подъезд 2", url: MEDIA, record_days: 30, latitude: "54.19", longitude: "37.61" },
    ...{ domophoneid: domophone, sippassword: "s3cret", dtmf: 1, camshot: "http://panel.example.net/shot.jpg" },
    ...{ panelip: "192.0.2.10", paneltype: 1 },
  });
  await device({ device_type: 2, title: "SRT", url: MEDIA, device_mac: mac, port: 9998 });
  const lock = await device({ device_type: 3, title: "Замок" });
  const spare = await device({ device_type: 1, title: "Запасная", url: MEDIA });
  const city = await device({ device_type: 1, title: "Площадь", url: MEDIA });
  const [rubetek, z5r] = [crypto.randomUUID(), aNumber()];
  const door = { device_id: lock, cam: camera, entrance: 2, icon: "entrance", name: "Подъезд 2", open_trait: "GET" };
  const open = "http://127.0.0.1:8081/open"; // doors are opened with the settings of the tests: only the own machine is listed
  await bill("doors_add", { ...door, open, rubetek_uuid: rubetek, rubetek_ext: 0, z5r_serial: String(z5r) });
  await bill("doors_add", { ...door, open, name: "Лишняя", cam: spare });
  await bill("rights_add", { uid, device_id: [camera, lock] });
  await bill("rights_add", { uid: 0, device_id: [city] });
  const { doors } = await bill("doors_list");
  const own = doors.filter((each: { device_id: number }) => each.device_id === lock);
  const ids = own.map(({ id }: { id: number }) => id) as number[];
  const [doorId, spareDoor] = ids;
  return {
    ...{ camera, lock, spare, doorId: doorId!, spareDoor: spareDoor!, mac, domophone, rubetek, z5r },
    panel: String(100_000 + domophone),
  };
}

async function anotherContract() {
  const uid = aUid();
  await bill("users/clients/create", {
    uid,
    login: `o${uid}`,
    address: "г. Тула",
    phones: [aPhone()],
    email: "anna@example.net",
  });
  await bill("users/clients/change_password", { uid, password: PASSWORD });
  return { otherLogin: `o${uid}`, otherPassword: PASSWORD };
}

async function placesOf(address: string) {
  const name = `Город ${aNumber()}`;
  const house = { number: "3", latitude: "54.19", longitude: "37.61", services: ["internet", "cctv"] };
  await bill("places_update", { locations: [{ name, streets: [{ name: "Мира", type: "улица", houses: [house] }] }] });
  const row = await env.DB.prepare(
    `SELECT h.id AS placeId, s.id AS streetId, l.id AS locationId FROM places AS l
     JOIN places AS s ON s.parent = l.id JOIN places AS h ON h.parent = s.id WHERE l.name = ?`,
  )
    .bind(name)
    .first<{ placeId: number; streetId: number; locationId: number }>();
  return { ...row!, geoAddress: address };
}

/** Events of today: a call, and faces, each app's own. */
async function eventsOf(uid: number, deviceId: number, domophoneId: number, environment: Env) {
  const record = async (fields: object) => {
    const response = await call(
      "/local/api/event",
      {
        method: "POST",
        headers: { authorization: `Bearer ${env.INTEGRATION_TOKEN}`, "content-type": "application/json" },
        body: JSON.stringify({ uid, deviceId, ...fields }),
      },
      environment,
    );
    expect(response.status).toBe(200);
    return (await response.json<{ events: string[] }>()).events[0]!;
  };
  for (const event of [1, 2, 3, 4, 6])
    await record({ event, domophoneId, opened: true, key: "00a1b2c3", code: "73104" });
  await analytics(deviceId, environment);
  const face = { left: 10, top: 20, width: 30, height: 40 };
  const entries = await Promise.all(
    APPS.map(async (app) => {
      const faceId = aNumber();
      const [event, spare] = [
        await record({ event: 5, faceId: faceId + 1, face }),
        await record({ event: 5, faceId, face }),
      ];
      return [app, { event, spare, faceId }] as const;
    }),
  );
  return Object.fromEntries(entries) as Record<App, { event: string; spare: string; faceId: number }>;
}

async function analytics(deviceId: number, environment: Env): Promise<void> {
  const response = await call(
    "/local/api/cameraevent",
    {
      method: "POST",
      headers: { authorization: `Bearer ${env.INTEGRATION_TOKEN}`, "content-type": "application/json" },
      body: JSON.stringify({ deviceId, event: 1, description: "Движение" }),
    },
    environment,
  );
  expect(response.status).toBe(200);
}

const dayOf = (at: Date) => new Intl.DateTimeFormat("sv-SE", { timeZone: "Europe/Moscow" }).format(at);

const dayBefore = (time: string) => `${dayOf(new Date(Date.now() - 86_400_000))} ${time}`;

/** Five minutes of yesterday, of each app's own. */
function rangeOf(app: App) {
  const hour = { android: "09", ios: "10", web: "11" }[app];
  return { rangeFrom: dayBefore(`${hour}:00:00`), rangeTo: dayBefore(`${hour}:05:00`) };
}
