import { env } from "cloudflare:test";
import { expect } from "vitest";
import type { Env } from "#env.ts";
import { randomLetters } from "#platform/crypto.ts";
import { call } from "../support/world.ts";
import { aNumber } from "./gateway-world.ts";

/** A country that no other test has clients in. */
export const aCountry = () => `Land ${randomLetters(8)}`;

export const asOperator = { authorization: `Bearer ${env.INTEGRATION_TOKEN}` };

/** What a call of /v3 answers: its status and what the JSON says. */
export interface Answer<T> {
  status: number;
  data: T;
  headers: Headers;
}

interface Asking {
  method?: string;
  body?: unknown;
  headers?: Record<string, string>;
  env?: Env;
}

/** Calls /v3 with the operator's token; a string is sent as it stands. */
export async function v3<T = Record<string, unknown>>(
  path: string,
  { method = "GET", body, headers = asOperator, env: environment = env }: Asking = {},
): Promise<Answer<T>> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const response = await call(
    `/v3/${path}`,
    { method, headers: { "content-type": "application/json", ...headers }, ...(body !== undefined && { body: text }) },
    environment,
  );
  const told = await response.text();
  if (told !== "") expect(response.headers.get("content-type")).toMatch(/^application\/json/);
  return {
    status: response.status,
    data: (told === "" ? undefined : JSON.parse(told)) as T,
    headers: response.headers,
  };
}

export interface Item {
  msisdn: string;
  country: string;
  operator: string;
  operator_code: string;
  protocols: string[];
  reliability: string;
  last_published_date: number;
}

/** Adds a client as the operator does; returns it with its key. */
export async function anAddedClient(fields: Record<string, unknown> = {}): Promise<Item & { key: string }> {
  const { status, data } = await v3<Item & { key: string }>("clients", {
    method: "POST",
    body: { msisdn: aNumber(), ...fields },
  });
  expect([status, data]).toEqual([201, expect.objectContaining({ key: expect.any(String) })]);
  return data;
}

/** Moves what D1 knows of a client's last publication. */
export const publishedAt = (msisdn: string, at: number) =>
  env.DB.prepare("UPDATE gateway_clients SET last_published_at = ? WHERE msisdn = ?").bind(at, msisdn).run();
