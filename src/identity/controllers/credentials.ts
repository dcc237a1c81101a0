import { calculateJwkThumbprint, importJWK } from "jose";
import * as z from "zod";
import { fail } from "#operator/error-catalogue.ts";
import { randomId, sha256 } from "#platform/crypto.ts";
import type { ControllerCredential } from "./tables.ts";

const coordinate = z.string().regex(/^[A-Za-z0-9_-]{43}$/);
// Whoever sends the private half as well has given it away.
const d = z.never().optional();

/** A public key of a controller as a JWK: Ed25519 or P-256. Of its other members nothing is kept. */
export const PublicKey = z.discriminatedUnion("kty", [
  z
    .object({ kty: z.literal("OKP"), crv: z.literal("Ed25519"), x: coordinate, d })
    .transform(({ kty, crv, x }) => ({ kty, crv, x })),
  z
    .object({ kty: z.literal("EC"), crv: z.literal("P-256"), x: coordinate, y: coordinate, d })
    .transform(({ kty, crv, x, y }) => ({ kty, crv, x, y })),
]);
export type PublicKey = z.output<typeof PublicKey>;

/** With which algorithm the key signs: decided by the key that we hold, never by what was signed. */
export const algorithmOf = ({ kty }: PublicKey): "EdDSA" | "ES256" => (kty === "OKP" ? "EdDSA" : "ES256");

export type NewCredential = Pick<ControllerCredential, "id" | "type" | "secretHash" | "jwk">;

/** A secret of 256 random bits. It is shown once; what is kept is its SHA-256, which is enough for so many bits. */
export function newSecret(): { secret: string; credential: NewCredential } {
  const secret = randomId(32);
  const secretHash = sha256(secret);
  return { secret, credential: { id: `secret:${secretHash}`, type: "secret", secretHash, jwk: null } };
}

/** What is kept of a public key. Throws `validation_failed` for a point that is not on its curve. */
export async function keyCredential(key: PublicKey): Promise<NewCredential> {
  const { id, jwk } = { id: await keyId(key), jwk: JSON.stringify(key) };
  await importJWK(key, algorithmOf(key)).catch((cause: unknown) => {
    const errors = [{ pointer: "/public_key", code: "custom", message: "no point of the curve" }];
    throw fail("validation_failed", { extra: { errors }, cause });
  });
  return { id, type: "jwk", secretHash: null, jwk };
}

const keyId = async (key: PublicKey): Promise<string> => `jwk:${await calculateJwkThumbprint(key, "sha256")}`;

/** A secret that whoever enrols the unit must show; the factory told us its hash. */
export const enrolmentCredential = (secretHash: string): NewCredential => ({
  ...{ id: `enrolment:${secretHash}`, type: "enrolment", secretHash, jwk: null },
});
