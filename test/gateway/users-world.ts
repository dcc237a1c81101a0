import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { scryptSync } from "node:crypto";
import type { Env } from "#env.ts";
import { hashed } from "#gateway/crypto/hashes.ts";
import { sealGrant } from "#gateway/users/grants.ts";
import { keepKeys, newSharedKey, sealSharedKey } from "#gateway/users/keys.ts";
import type { NewUser } from "#gateway/users/profiles.ts";
import { insertGrant, insertUser } from "#gateway/users/queries.ts";
import { accountOf } from "#identity/accounts/accounts.ts";
import { randomDigits } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { call } from "../support/world.ts";
import vectors from "./vectors.json";

/** A number that nobody else has, and that no plan knows. */
export const aNumber = () => `+23700${randomDigits(8)}`;

/** A user of the gateway. Their hash costs next to nothing, or each test would take seconds; the first right password replaces it. */
export async function aGatewayUser({
  phoneNumber = aNumber(),
  password = "dummy_password",
  platforms = [],
}: Partial<NewUser> = {}) {
  const now = new Date();
  const [db, id] = [database(env), crypto.randomUUID()];
  const account = await accountOf(env, "main", { type: "phone", value: phoneNumber.slice(1) }, now);
  const msisdnHash = hashed(vectors.msisdn_hash.key_utf8, phoneNumber);
  const phc = cheapHash(password);
  await insertUser(db, { operator: "main", id, accountId: account.id, msisdnHash, phc, createdAt: now });
  for (const { name: platform, ...grant } of platforms) {
    const sealed = await sealGrant(env, id, platform, grant);
    await insertGrant(db, "main", { userId: id, platform, sealed });
  }
  return { id, phoneNumber, password };
}

function cheapHash(password: string): string {
  const [salt, unpadded] = [Buffer.alloc(16, 1), (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "")];
  const hash = scryptSync(password, salt, 32, { N: 2, r: 1, p: 1 });
  return `$scrypt$ln=1,r=1,p=1$${unpadded(salt)}$${unpadded(hash)}`;
}

/** Gives the user a key, as a sync of the vectors' client would. Returns it. */
export async function aSyncOf(
  id: string,
  {
    label = "sha256" as "sha1" | "sha256",
    msisdnHash = null as string | null,
    publicPem = vectors.keys.client_public_android_pem,
    env: environment = env as Env,
  } = {},
): Promise<string> {
  const key = newSharedKey();
  const sealed = await sealSharedKey(environment, id, key);
  await keepKeys(environment, id, { publicPem, label, sealed, msisdnHash });
  return key;
}

/** Calls the gateway as a system of the operator does. */
export const integration = (method: string, path: string, body?: unknown, environment: Env = env) =>
  call(
    path,
    {
      method,
      headers: { authorization: "Bearer integration-token", "content-type": "application/json" },
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
    },
    environment,
  );
