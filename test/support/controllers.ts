import { env } from "cloudflare:test";
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from "jose";
import { randomId } from "#platform/crypto.ts";

// Controllers for tests, each with a serial of its own.

export const aSerial = () => `SN-${randomId(9)}`;

/** A key pair of a controller; the public half as it goes over the wire. */
export async function aKeyPair(curve: "Ed25519" | "P-256" = "Ed25519") {
  const alg = curve === "Ed25519" ? "EdDSA" : "ES256";
  const pair = await generateKeyPair(alg, { extractable: true });
  const sign = (claims: JWTPayload, header: { alg?: string } = {}) =>
    new SignJWT(claims).setProtectedHeader({ alg, ...header }).sign(pair.privateKey);
  return { publicKey: await exportJWK(pair.publicKey), privateKey: await exportJWK(pair.privateKey), sign };
}

/** The row of that serial, of whatever operator. */
export const theController = (serial: string) =>
  env.DB.prepare("SELECT * FROM controllers WHERE serial = ?").bind(serial).first<Record<string, unknown>>();

/** What the operator's systems are told of one object, in order. */
export async function eventsOf(id: string) {
  const { results } = await env.DB.prepare("SELECT type, data FROM notifications WHERE agg_id = ? ORDER BY agg_seq")
    .bind(id)
    .all<{ type: string; data: string }>();
  return results.map(({ type, data }) => ({ type, data: JSON.parse(data) as unknown }));
}
