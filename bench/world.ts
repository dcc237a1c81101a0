import { generateKeyPairSync, randomBytes } from "node:crypto";
import { BOOTSTRAP_TOKEN } from "../test/e2e/support/shield.ts";
import type { Kannel } from "./kannel.ts";

/** The settings of the measured worker. */
export const variables = (kannel: Kannel): Record<string, string> => ({
  ...{ ENVIRONMENT: "development", SMS_TRANSPORT: "kannel", SMS_TEXT: "Код: " },
  ...{ KANNEL_URL: kannel.url, KANNEL_USER: "bench", KANNEL_PASS: "bench", KANNEL_FROM: "bench" },
  ...{ INTEGRATION_TOKEN: TOKEN, KANNEL_HOOK_SECRET: secret(), PANEL_HOSTS: "127.0.0.1" },
  BOOTSTRAP_TOKEN,
  ...{ GATEWAY_OPEN: "1", GATEWAY_PRIVATE_KEY, GATEWAY_HASHING_SALT: secret(), GATEWAY_SHARED_KEY: secret() },
  PUBLISHER_URL: kannel.url,
  ...{ MASTER_KEY: secret(), SIGNING_KEYS: secret(), PEPPERS: secret() },
  LIMITS: JSON.stringify({
    ...{ addressPerHour: 1e6, addressPerDay: 1e6, addressFailuresPerDay: 1e6, countryPerHour: 1e7, countryPerDay: 1e7 },
    ...{ operatorPerDay: 1e7, invitationsPerDay: 100 },
  }),
});

const secret = () => randomBytes(32).toString("base64");
export const TOKEN = secret();

const { privateKey: GATEWAY_PRIVATE_KEY } = generateKeyPairSync("rsa", {
  ...{ modulusLength: 2048, publicKeyEncoding: { type: "spki", format: "pem" } },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

/** Numbers that nobody else has, one after the other. */
let last = 79_160_000_000;
export const aPhone = (): string => String(++last);

/** An address of its own for each caller: a worker sees them as strangers, and none of them too often. */
export const addressOf = (n: number): string => `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;

interface Envelope<T> {
  code: number;
  data: T;
}

export interface Camera {
  url: string;
  token: string;
}

export interface Resident {
  authorization: string;
}

export interface Door {
  domophoneId: number;
  doorId: number;
}

/** One house with fifty cameras and a door, and residents who have signed in by SMS: all made through the worker's own API. */
export async function aHouse(
  url: URL,
  kannel: Kannel,
  { cameras = 50, residents = 1 }: { cameras?: number; residents?: number } = {},
): Promise<{ door: Door; residents: Resident[] }> {
  const uid = 501;
  const phones = Array.from({ length: residents }, aPhone);
  const bill = <T>(path: string, fields: object) => post<T>(url, `/bill/api/${path}/`, fields, `Bearer ${TOKEN}`);
  const ids: number[] = [];
  for (let n = 0; n < cameras; n++) {
    const camera = { device_type: 1, title: `Камера ${n}`, url: "https://video.example.net", is_active: true };
    ids.push((await bill<{ device_id: number }>("devices_add", camera)).device_id);
  }
  const lock = (await bill<{ device_id: number }>("devices_add", { device_type: 3, title: "Замок", is_active: true }))
    .device_id;
  const door = {
    device_id: lock,
    cam: ids[0],
    icon: "entrance",
    name: "Подъезд",
    open: `${kannel.url}/open`,
    open_trait: "GET",
  };
  await bill("doors_add", door);
  await bill("rights_add", { uid, device_id: [...ids, lock] });
  await bill("users/clients/create", { uid, login: "20017", address: "г. Тула, ул. Мира, д. 3", flat: "8", phones });
  const signedIn: Resident[] = [];
  for (const phone of phones) signedIn.push(await signIn(url, kannel, phone));
  const [home] = (
    await app<{ doors: { domophoneId: string; doorId: number }[] }[]>(url, "address/getAddressList", {}, signedIn[0]!)
  ).data;
  const { domophoneId, doorId } = home!.doors[0]!;
  return { door: { domophoneId: Number(domophoneId), doorId: Number(doorId) }, residents: signedIn };
}

export async function signIn(url: URL, kannel: Kannel, phone: string): Promise<Resident> {
  await app(url, "user/requestCode", { userPhone: phone });
  const smsCode = await kannel.code(phone);
  const { data } = await app<{ accessToken: string }>(url, "user/confirmCode", { userPhone: phone, smsCode });
  return { authorization: `Bearer ${data.accessToken}` };
}

/** The resident's cameras, with the token that opens them. */
export async function camerasOf(url: URL, resident: Resident): Promise<Camera[]> {
  return (await app<Camera[]>(url, "cctv/all", {}, resident)).data;
}

const app = <T>(url: URL, method: string, fields: object, { authorization = "" } = {}): Promise<Envelope<T>> =>
  post(url, `/api/${method}`, fields, authorization);

export async function post<T>(url: URL, path: string, fields: object, authorization: string): Promise<T> {
  const headers = { "Content-Type": "application/json", ...(authorization && { Authorization: authorization }) };
  const answer = await fetch(new URL(path, url), { method: "POST", headers, body: JSON.stringify(fields) });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return (text === "" ? undefined : JSON.parse(text)) as T;
}
