import { env } from "cloudflare:test";
import type { Env } from "#env.ts";
import { settings } from "#env.ts";
import type { Grant } from "#identity/admins/roles.ts";
import { adminRoles, adminSessions, admins } from "#identity/admins/tables.ts";
import { base32, codeAt, fromBase32, stepOf } from "#identity/totp/rfc6238.ts";
import { totpSecrets } from "#identity/totp/tables.ts";
import { operators } from "#operator/tables.ts";
import { newId, randomId, seal, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { hashPassword } from "#platform/passwords.ts";
import { call } from "./world.ts";

// Administrators and calls of /ops/v1 for tests.

export interface OpsCall {
  method?: string;
  cookie?: string | undefined;
  json?: unknown;
  headers?: Record<string, string>;
  env?: Env;
}

/** Calls `/ops/v1` + path; a body makes it a POST. */
export function ops(
  path: string,
  { method, cookie, json, headers = {}, env: environment = env }: OpsCall = {},
): Promise<Response> {
  return call(
    `/ops/v1${path}`,
    {
      method: method ?? (json === undefined ? "GET" : "POST"),
      headers: {
        ...(json !== undefined && { "content-type": "application/json" }),
        ...(cookie !== undefined && { cookie: `__Host-ops=${cookie}` }),
        ...headers,
      },
      ...(json !== undefined && { body: JSON.stringify(json) }),
    },
    environment,
  );
}

export interface SignedAdmin {
  id: string;
  login: string;
  cookie: string;
  /** Of the authenticator, in base32. */
  secret: string;
}

export const EVERYTHING: Grant[] = [{ role: "superadmin", operator: "*" }];
export const ADMIN_PASSWORD = "tide-lamp-orchard-93";

/** Somebody of the staff who has just signed in; a superadmin everywhere unless said otherwise. Only with `password` can they sign in anew. */
export async function anAdmin({
  roles = EVERYTHING,
  password = false,
  authAt = new Date(),
  status = "active" as const,
}: {
  roles?: Grant[];
  password?: boolean;
  authAt?: Date;
  status?: "active" | "invited" | "banned";
} = {}): Promise<SignedAdmin> {
  const db = database(env);
  const [id, cookie, now] = [newId("adm"), randomId(32), new Date()];
  const login = `${id.toLowerCase()}@staff.example.net`;
  const phc = password ? await hashPassword(ADMIN_PASSWORD, settings(env).PEPPERS) : null;
  const secret = base32(crypto.getRandomValues(new Uint8Array(20)));
  const sealed = await seal(settings(env).MASTER_KEY, secret, `totp/*/${id}`);
  await db.batch([
    db.insert(admins).values({ operator: "*", id, login, email: login, name: "Staff", phc, status, createdAt: now }),
    db.insert(totpSecrets).values({ operator: "*", ownerId: id, sealed, confirmedAt: now, createdAt: now }),
    db.insert(adminSessions).values({
      ...{ operator: "*", hash: sha256(cookie), adminId: id, authAt, createdAt: now, lastSeenAt: now },
      absoluteAt: new Date(now.getTime() + 12 * 3_600_000),
    }),
    ...roles.map((grant) => db.insert(adminRoles).values({ ...grant, adminId: id })),
  ]);
  return { id, login, cookie, secret };
}

/** The code that the administrator's authenticator shows; each is good once, `steps` half minutes ahead is another one. */
export const codeOf = ({ secret }: Pick<SignedAdmin, "secret">, steps = 0): string =>
  codeAt(fromBase32(secret), stepOf(new Date()) + steps);

/** An operator of its own. */
export async function anOperator(params: Record<string, unknown> = {}): Promise<string> {
  const operator = `op${randomId(6)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, "x")}`;
  const now = new Date();
  await database(env)
    .insert(operators)
    .values({ operator, name: "Other", country: "RU", lang: "ru", params, createdAt: now, updatedAt: now });
  return operator;
}
