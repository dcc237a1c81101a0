import { createExecutionContext, env, waitOnExecutionContext } from "cloudflare:test";
import { expect, vi } from "vitest";
import { app } from "#app.ts";
import type { Env } from "#env.ts";
import { accountOfPhone } from "#identity/accounts/accounts.ts";
import { openSession, sessionOf } from "#identity/sessions/sessions.ts";
import { createContract, type NewContract } from "#operator/contracts.ts";
import { randomDigits, sha256 } from "#platform/crypto.ts";
import type { Resident } from "#premises/homes.ts";
import { addDevice, addDoor, type NewDeviceFields } from "#premises/registry.ts";
import { giveRights } from "#premises/rights.ts";

// A world to test in. Storage is shared by all tests of a run, so everything has a name of its own.

/** A mobile number that nobody else has. */
export const aPhone = () => `7916${randomDigits(7)}`;

/** A contract number that nobody else has. */
export const aUid = () => 100_000 + Number(randomDigits(9));

/** An environment with other settings than the tests' own. */
export const envWith = (vars: Partial<Record<string, unknown>>): Env => ({ ...env, ...vars }) as Env;

/** Where a test calls from unless it says: an address of its own, so that the tests do not use up each other's limits. */
function addressOfTest(): string {
  const digest = sha256(expect.getState().currentTestName ?? "");
  const numbers = [0, 2, 4].map((at) => Number.parseInt(digest.slice(at, at + 2), 16));
  return `10.${numbers.join(".")}`;
}

/** Calls the worker as a client would, and waits for what it does after the answer. */
export async function call(path: string, init: RequestInit = {}, environment: Env = env): Promise<Response> {
  const context = createExecutionContext();
  const headers = new Headers(init.headers);
  if (!headers.has("cf-connecting-ip")) headers.set("cf-connecting-ip", addressOfTest());
  const response = await app.request(path, { ...init, headers }, environment, context);
  await waitOnExecutionContext(context);
  return response;
}

export interface Asking {
  token?: string | undefined;
  headers?: Record<string, string>;
  env?: Env;
}

/** Calls a method of the resident's app. A string is sent as it stands. */
export function mobile(
  method: string,
  body?: unknown,
  { token, headers = {}, env: environment = env }: Asking = {},
): Promise<Response> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return call(
    method.startsWith("/") ? method : `/api/${method}`,
    {
      method: "POST",
      headers: { "content-type": "application/json", ...authorization, ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    },
    environment,
  );
}

export interface SignedInResident extends Resident {
  token: string;
}

/** Somebody who has signed in. */
export async function aResident({
  phone = aPhone(),
  device = "Android,14,Acme,One",
}: {
  phone?: string;
  device?: string;
} = {}): Promise<SignedInResident> {
  const now = new Date();
  const account = await accountOfPhone(env, phone, now);
  const token = await openSession(env, { account: account.id, acr: "low", device }, now);
  const live = await sessionOf(env, token, "strict", () => {}, now);
  return { token, ...live! };
}

export async function aContract(fields: Partial<NewContract> = {}): Promise<number> {
  const uid = aUid();
  return createContract(env, { uid, login: `c${uid}`, address: "г. Тула, ул. Мира, д. 3", phones: [], ...fields });
}

export async function aCamera(fields: Partial<NewDeviceFields> = {}) {
  const camera = {
    type: 1,
    title: "Подъезд 2",
    url: "https://vd.example.net",
    latitude: "54.193122",
    longitude: "37.617348",
    isActive: true,
  };
  return addDevice(env, { ...camera, ...fields });
}

export async function aLock(fields: Partial<NewDeviceFields> = {}) {
  return addDevice(env, { type: 3, title: "Замок", isActive: true, ...fields });
}

/** A contract with `cameras` cameras and a door to the first of them, all of it paid for. */
export async function aHome({
  phones = [] as string[],
  cameras = 1,
  open = "http://panel.example.net/open",
  ...contract
}: { phones?: string[]; cameras?: number; open?: string } & Partial<NewContract> = {}) {
  const uid = await aContract({ phones, ...contract });
  const devices = await Promise.all(Array.from({ length: cameras }, (_, i) => aCamera({ title: `Камера ${i + 1}` })));
  const lock = await aLock();
  const doorId = await addDoor(env, {
    deviceId: lock.deviceId,
    cam: devices[0]!.deviceId,
    icon: "entrance",
    entrance: "2",
    name: "Подъезд 2",
    open,
  });
  await giveRights(env, uid, [...devices.map((device) => device.deviceId), lock.deviceId]);
  return { uid, cameras: devices, camera: devices[0]!, lock: lock.deviceId, doorId };
}

/** What the outside world was asked for. */
export interface Outside {
  requests: Request[];
  /** The same without Kannel, whom other tests' messages may still be on their way to. */
  asked: Request[];
  /** Texts of SMS that reached Kannel for the phone, in order. */
  smsTo(phone: string): string[];
  /** The code in the latest SMS to the phone; waits for it. */
  codeFor(phone: string): Promise<string>;
}

/** Stands in for everything behind `fetch`. Kannel accepts whatever it gets; the rest answers as `answer` says. */
export function outside(
  answer: (request: Request) => Response | Promise<Response> = () => new Response("", { status: 200 }),
): Outside {
  const requests: Request[] = [];
  const asked: Request[] = [];
  const sms: { to: string; text: string }[] = [];
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init);
    requests.push(request);
    if (!request.url.startsWith("http://kannel.test")) {
      asked.push(request);
      return answer(request);
    }
    sms.push({ to: (request.headers.get("x-kannel-to") ?? "").replace("+", ""), text: await request.clone().text() });
    return new Response("0: Accepted for delivery", { status: 202 });
  });
  const smsTo = (phone: string) => sms.filter(({ to }) => to === phone).map(({ text }) => text);
  return {
    requests,
    asked,
    smsTo,
    codeFor: (phone) =>
      vi.waitFor(() => /\d{4,6}$/.exec(smsTo(phone).at(-1) ?? "no sms")![0], { timeout: 5_000, interval: 10 }),
  };
}
