import { expect } from "vitest";
import { randomDigits } from "#platform/crypto.ts";
import { call } from "../support/world.ts";
import { decrypted, encrypted } from "./black-box-app.ts";
import { byOperator, open } from "./seeds-world.ts";
import { gets, openSocket, type Page } from "./sync-world.ts";
import vectors from "./vectors.json";

// The calls of an app and of the operator's systems, to a gateway that asks phones for no key.

export const PASSWORD = "dummy_password";
export const APP_PEM = vectors.keys.client_public_android_pem;
export const ORIGIN = "https://api.example.net:443";
export const aNumber = () => `+23767${randomDigits(7)}`;
export const aCountry = () => `Land ${randomDigits(9)}`;

interface Sending {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
}

/** Status and text of the answer. A string is sent as it stands; with a body it is a POST. */
export async function ask(path: string, { method, body, headers = {} }: Sending = {}): Promise<[number, string]> {
  const answer = await fetched(path, { method: method ?? (body === undefined ? "GET" : "POST"), body, headers });
  return [answer.status, await answer.text()];
}

export const fetched = (path: string, { method = "GET", body, headers = {} }: Sending = {}) =>
  call(
    path,
    {
      method,
      headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    },
    open(),
  );

export const post = (path: string, body: unknown, headers: Record<string, string> = {}) => ask(path, { body, headers });

/** What a POST that must succeed answers. */
export async function posted<T = Record<string, string>>(
  path: string,
  body: unknown,
  headers = byOperator,
): Promise<T> {
  const [status, text] = await post(path, body, headers);
  expect(status, text).toBeLessThan(300);
  return JSON.parse(text);
}

export const aUser = async (number = aNumber()) => ({
  number,
  user: (await posted("/v2/users", { phone_number: number, password: PASSWORD, platforms: [] })).id!,
});

export const FRAME = /^\{"qr_url": "([^"]+)", "mobile_url": "([^"]+)"\}$/;
export const PATH = /(\/v2\/sync\/users\/([^/]+)\/sessions\/([0-9a-f]{32}))\/handshake$/;

/** A session that nobody has opened a page for yet: the path that its codes lead to, before `/handshake`. */
export async function aPath(user: string): Promise<string> {
  const [, url] = await ask(`/v2/sync/users/${user}`);
  return `/v2/sync/users/${user}/sessions/${url.split("/").at(-1)}`;
}

/** A session that a page shows: its socket, its id, and the path that the code leads to. */
export async function aSession(user: string) {
  const [, url] = await ask(`/v2/sync/users/${user}`);
  const page = await openSocket(new URL(url).pathname);
  await gets(page, 1);
  const [, path = "", , id = ""] = PATH.exec(FRAME.exec(page.got[0]!)![1]!)!;
  return { page, url, path, id, handshake: () => post(`${path}/handshake`, { public_key: APP_PEM }) };
}

export const oneStep = (password = encrypted(PASSWORD)) => ({ public_key: APP_PEM, password });

/** Somebody whose app has synced: the number, its hash, and the key. */
export async function aSynced() {
  const { user, number } = await aUser();
  const path = await aPath(user);
  const { msisdn_hash, shared_key } = await posted(`${path}/`, oneStep());
  return { user, number, hash: msisdn_hash!, key: decrypted(shared_key!) };
}

export const heard = ({ got, closed }: Page) => [...got.slice(1), closed?.code];
