import { env } from "cloudflare:test";
import type { Env } from "#env.ts";
import { accountOfPhone } from "#identity/accounts/accounts.ts";
import { clients } from "#identity/clients/tables.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { openTokens, type TokenAnswer } from "#identity/tokens/issue.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { aPhone, call } from "./world.ts";

// People, clients and calls of /shield/v1 for tests. Everything has a name of its own, because storage is shared.

export interface ShieldCall {
  method?: string;
  token?: string | undefined;
  basic?: { user: string; password: string } | undefined;
  json?: unknown;
  form?: Record<string, string>;
  headers?: Record<string, string>;
  env?: Env;
}

/** Calls `/shield/v1` + path; a body makes it a POST. */
export function shield(
  path: string,
  { method, token, basic, json, form, headers = {}, env: environment }: ShieldCall = {},
): Promise<Response> {
  const body = json !== undefined ? JSON.stringify(json) : form ? new URLSearchParams(form).toString() : undefined;
  const type = json !== undefined ? "application/json" : "application/x-www-form-urlencoded";
  return call(
    path.startsWith("/ops") || path.startsWith("/shield") ? path : `/shield/v1${path}`,
    {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers: {
        ...(body !== undefined && { "content-type": type }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(basic && { authorization: `Basic ${btoa(`${basic.user}:${basic.password}`)}` }),
        ...headers,
      },
      ...(body !== undefined && { body }),
    },
    environment ?? env,
  );
}

/** A client of the operator. The secret of a confidential one is returned, as it is stored only by hash. */
export async function aClient(
  fields: Partial<typeof clients.$inferInsert> = {},
): Promise<{ id: string; secret: string }> {
  const id = fields.id ?? `cli_${randomId(6)}`;
  const secret = randomId(32);
  await database(env)
    .insert(clients)
    .values({
      ...{
        operator: "main",
        id,
        name: "Test app",
        appType: "mobile",
        source: "test",
        kind: "public",
        firstParty: true,
      },
      ...{
        methods: ["password", "sms", "code"],
        scopes: [],
        aud: ["urn:yardgate:account", "urn:yardgate:device"],
        origins: [],
      },
      ...{ otpLength: 6, loginOnActivation: true, status: "active", createdAt: new Date() },
      ...(fields.kind === "confidential" && { secretHash: sha256(secret), firstParty: false }),
      ...fields,
    });
  return { id, secret };
}

export interface Signed {
  account: string;
  phone: string;
  client: string;
  tokens: TokenAnswer;
  /** The access token. */
  token: string;
}

/** Somebody who has an active account by phone and has just signed in. */
export async function aPerson({
  phone = aPhone(),
  client,
  acr = "normal" as const,
  now = new Date(),
}: {
  phone?: string;
  client?: string;
  acr?: "low" | "normal";
  now?: Date;
} = {}): Promise<Signed> {
  const account = await accountOfPhone(env, phone, now);
  const clientId = client ?? (await aClient()).id;
  const tokens = await openTokens(
    env,
    {
      ...{ operator: "main", kind: "account", subject: account.id, epoch: 1, client: clientId, scopes: ["account"] },
      ...{ amr: ["pwd"], acr, device: { name: "Pixel 9", platform: "android" }, address: "203.0.113.7" },
    },
    SYSTEM,
    () => {},
    now,
  );
  return { account: account.id, phone, client: clientId, tokens, token: tokens.access_token };
}
