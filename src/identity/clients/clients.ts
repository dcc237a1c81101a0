import { Buffer } from "node:buffer";
import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { type Operator, operatorFrom } from "#operator/operators.ts";
import { sameText, sha256 } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { clientAndOperatorById, clientById } from "./queries.ts";
import type { Client } from "./tables.ts";

/** The active client of that id; throws `invalid_client`. Whether it is who it says is another question: `confidentialClient`. */
export async function clientOf(env: Env, id: string | undefined): Promise<Client> {
  const [client] = id ? await clientById(database(env), id) : [];
  if (client?.status !== "active") throw fail("invalid_client");
  return client;
}

/** The active client of that id with its operator, in one trip; throws `invalid_client`. */
export async function clientAndOperator(env: Env, id: string): Promise<{ client: Client; operator: Operator }> {
  const found = await clientAndOperatorById(database(env), id);
  const operator = found && operatorFrom(env, found.client.operator, found.operator);
  if (found?.client.status !== "active" || !operator) throw fail("invalid_client");
  return { client: found.client, operator };
}

/** A public client: one that names itself and has no secret. A confidential one must show its secret even here. */
export async function publicClient(env: Env, id: string | undefined): Promise<Client> {
  const client = await clientOf(env, id);
  if (client.kind !== "public") throw fail("invalid_client");
  return client;
}

/** The client that shows its secret (RFC 6749 §2.3.1: both halves are form-encoded); throws `invalid_client`. */
export async function confidentialClient(env: Env, authorization: string | undefined): Promise<Client> {
  const { user, password } = basicIn(authorization) ?? { user: undefined, password: "" };
  return proven(await clientOf(env, user), password);
}

/** The client, if it is active, confidential, and this is its secret; throws `invalid_client`. */
export function proven(client: Client | undefined, password: string): Client {
  if (client?.status !== "active" || client.kind !== "confidential") throw fail("invalid_client");
  if (!sameText(client.secretHash ?? "", sha256(password))) throw fail("invalid_client");
  return client;
}

/** User and password of `Authorization: Basic`; undefined for anything else. */
export function basicIn(authorization: string | undefined): { user: string; password: string } | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString();
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  return { user: decoded(text.slice(0, colon)), password: decoded(text.slice(colon + 1)) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}
