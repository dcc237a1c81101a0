import { env } from "cloudflare:test";
import { expect, vi } from "vitest";
import { type Env, settings } from "#env.ts";
import { hashed } from "#gateway/crypto/hashes.ts";
import { sealSms } from "#gateway/crypto/sms.ts";
import { acceptInbound, type InboundSms } from "#gateway/inbound/accept.ts";
import { deliverPublications } from "#gateway/inbound/delivery.ts";
import type { GatewayMessage } from "#gateway/inbound/tables.ts";
import { newSharedKey, sealSharedKey } from "#gateway/users/keys.ts";
import { gatewayUsers } from "#gateway/users/tables.ts";
import { randomId } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { envWith } from "../support/world.ts";
import { aNumber } from "./gateway-world.ts";

/** A gateway with no rows yet, whose queue only remembers what it is given: the real one would work behind the test's back. */
export function aGateway(vars: Partial<Record<string, unknown>> = {}) {
  const queued: { id: string }[] = [];
  const PUBLICATIONS = {
    sendBatch: async (jobs: Iterable<{ body: { id: string } }>) =>
      void queued.push(...[...jobs].map(({ body }) => body)),
  };
  const own: Env = envWith({ OPERATOR: randomId(6), GATEWAY_OPEN: "1", PUBLICATIONS, ...vars });
  return { env: own, queued };
}

export interface Sender {
  id: string;
  msisdn: string;
  key: string;
  /** An SMS of theirs. */
  write(plain: string, iv?: Uint8Array): string;
}

/** A user whose app has synced. */
export async function aSender(at: Env, msisdn = aNumber()): Promise<Sender> {
  const [id, key, now] = [crypto.randomUUID(), newSharedKey(), new Date()];
  const { OPERATOR, GATEWAY_HASHING_SALT } = settings(at);
  await database(env)
    .insert(gatewayUsers)
    .values({
      ...{
        operator: OPERATOR,
        id,
        msisdnHash: hashed(GATEWAY_HASHING_SALT!, msisdn),
        label: "sha256",
        publicKey: "PEM",
      },
      ...{ sharedKey: await sealSharedKey(at, id, key), syncedAt: now, createdAt: now },
    });
  return { id, msisdn, key, write: (plain, iv) => sealSms(key, plain, iv) };
}

/** Brings an SMS and tells its id. */
export async function bring(
  at: Env,
  sms: Pick<InboundSms, "sender" | "text"> & Partial<InboundSms>,
  now = new Date(),
): Promise<string> {
  const id = sms.id ?? randomId();
  await acceptInbound(at, { source: "android", client: null, ...sms, id }, now);
  return id;
}

/** Gives the consumer one batch with these ids, and tells for how long each is to be tried again. */
export async function deliver(at: Env, ids: string | string[], now = new Date()) {
  const messages = [ids].flat().map((id) => ({ id: "m", attempts: 1, body: { id }, ack: vi.fn(), retry: vi.fn() }));
  await deliverPublications({ messages, queue: "publications" } as never, at, now);
  for (const { ack, retry } of messages) expect(ack.mock.calls.length + retry.mock.calls.length).toBe(1);
  return messages.map(({ retry }) => retry.mock.calls[0]?.[0]?.delaySeconds as number | undefined);
}

/** A message as it stands in D1. */
export const rowOf = (at: Env, id: string) =>
  at.DB.prepare("SELECT * FROM gateway_messages WHERE operator = ? AND id = ?")
    .bind(at.OPERATOR, id)
    .first<Record<string, unknown> & { state: GatewayMessage["state"]; attempts: number; next_attempt_at: number }>();

export const stateOf = async (at: Env, id: string) => (await rowOf(at, id))?.state;

/** How many messages there are. */
export const countRows = async (at: Env): Promise<number> =>
  (await at.DB.prepare("SELECT count(*) AS n FROM gateway_messages WHERE operator = ?")
    .bind(at.OPERATOR)
    .first<number>("n"))!;

/** What the publisher was given, in order. */
export const publishedTo = async (requests: Request[]) =>
  Promise.all(requests.map(async (request) => (await request.clone().json()) as { MSISDN: string; message: string }));
