import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { newId, randomId, sha256 } from "#platform/crypto.ts";
import { database, isDuplicate } from "#platform/db.ts";
import { type Actor, journal } from "../journal/journal.ts";
import { clientAmong, clientsAmong, insertClient, updateClient } from "./directory-queries.ts";
import { clientSwitched } from "./disabling.ts";
import type { Client, Method } from "./tables.ts";

/** What confidential clients may be allowed. */
export const CLIENT_SCOPES = ["introspect", "access", "policies", "resources", "devices:enroll"] as const;

/** A client as its operator describes it. */
export interface ClientFields {
  name: string;
  appType: string;
  source: string;
  firstParty: boolean;
  methods: Method[];
  scopes: string[];
  origins: string[];
  aud: string[];
  otpLength: 4 | 6;
  loginOnActivation: boolean;
}

/** What is told of a client; never its secret. */
export function clientView(client: Client) {
  const { id, operator, name, kind, source, methods, scopes, origins, aud, status, ver } = client;
  return {
    ...{ id, operator, name, app_type: client.appType, source, kind, first_party: client.firstParty, methods, scopes },
    ...{ origins, aud, otp_length: client.otpLength, login_on_activation: client.loginOnActivation, status },
    ...{ created_at: client.createdAt, version: ver },
  };
}

export async function listClients(
  env: Env,
  operators: readonly string[],
  { cursor = "", limit }: { cursor?: string | undefined; limit: number },
) {
  const rows = await clientsAmong(database(env), operators, cursor, limit);
  return { items: rows.map(clientView), next_cursor: rows.length === limit ? rows.at(-1)!.id : null };
}

/** A client of one of the operators; throws `client_not_found`. */
export async function findClient(env: Env, operators: readonly string[], id: string): Promise<Client> {
  const [client] = await clientAmong(database(env), operators, id);
  if (!client) throw fail("client_not_found");
  return client;
}

/**
 * Registers a client. A confidential one gets a secret, which is returned this once and stored as its hash. Throws
 * `already_in_state` where the id is taken, by whomever.
 */
export async function addClient(
  env: Env,
  operator: string,
  { id = newId("cli"), kind, ...fields }: ClientFields & { id?: string | undefined; kind: Client["kind"] },
  actor: Actor,
  now = new Date(),
): Promise<{ client: Client; secret?: string }> {
  const db = database(env);
  const secret = kind === "confidential" ? randomId(32) : undefined;
  const secretHash = secret === undefined ? null : sha256(secret);
  const row = { operator, id, kind, ...fields, secretHash, status: "active", createdAt: now } as const;
  const entry = { action: "client.created", target: { kind: "client", id }, after: { kind, ...fields } };
  try {
    const [[client]] = await db.batch([insertClient(db, row), ...journal(db, operator, actor, entry, now)]);
    return { client: client!, ...(secret !== undefined && { secret }) };
  } catch (error) {
    if (isDuplicate(error)) throw fail("already_in_state");
    throw error;
  }
}

/** Changes what is given; throws `precondition_failed`. A client that is disabled opens nothing from the next strict question on, and its sessions end. */
export async function editClient(
  env: Env,
  { operator, id }: Client,
  change: Partial<ClientFields & Pick<Client, "status">>,
  {
    ver,
    action = "client.updated",
    reason,
  }: { ver?: number | undefined; action?: string; reason?: string | undefined },
  actor: Actor,
  now = new Date(),
): Promise<Client> {
  const db = database(env);
  const entry = { action, target: { kind: "client", id }, after: { ...change }, reason };
  const [[client]] = await db.batch([
    updateClient(db, operator, id, change, ver),
    ...journal(db, operator, actor, entry, now),
  ]);
  if (!client) throw fail("precondition_failed");
  if (change.status !== undefined) await clientSwitched(env, client, actor, now);
  return client;
}

/** A new secret, shown once; the old one is worth nothing at once. Throws `client_not_found` for a client that has none. */
export async function rotateClientSecret(
  env: Env,
  { operator, id, kind }: Client,
  actor: Actor,
  now = new Date(),
): Promise<string> {
  if (kind !== "confidential") throw fail("client_not_found");
  const db = database(env);
  const secret = randomId(32);
  const entry = { action: "client.secret_rotated", target: { kind: "client", id } };
  await db.batch([
    updateClient(db, operator, id, { secretHash: sha256(secret) }, undefined),
    ...journal(db, operator, actor, entry, now),
  ]);
  return secret;
}
