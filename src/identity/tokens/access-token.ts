import { errors, jwtVerify, SignJWT } from "jose";
import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import type { Amr } from "../sessions/tables.ts";
import { type SigningKey, verificationKey } from "./signing-keys.ts";
import type { Subject } from "./subject.ts";

// A profile of RFC 9068, but for its asymmetric signature: HS256 keys stay here, so that an outside party can
// introspect a token and not verify it, let alone make one. Nothing that changes or that is personal is inside.

/** Each kind of token is for another audience, so that one is worth nothing where another is asked for. */
export const AUDIENCE = {
  account: "urn:yardgate:account",
  device: "urn:yardgate:device",
  service: "urn:yardgate:service",
} as const;

export const issuer = (env: Env): string => `${settings(env).PUBLIC_URL}/shield/v1`;

const LEEWAY_S = 30;
const HEADERS = new Set(["alg", "typ", "kid"]);

const Claims = z.object({
  sub: z.string(),
  client_id: z.string(),
  iat: z.number(),
  exp: z.number(),
  jti: z.string(),
  scope: z.string(),
  auth_time: z.number(),
  amr: z.array(z.string()),
  acr: z.enum(["low", "normal"]),
  sid: z.string(),
  knd: z.enum(["account", "device", "service"]),
  op: z.string(),
  ep: z.number(),
});
export type Claims = z.output<typeof Claims>;

/** Signs an access token for the subject, good for `seconds`. */
export function mintAccessToken(
  env: Env,
  { kid, key }: SigningKey,
  subject: Omit<Subject, "expiresAt" | "domain"> & { epoch: number },
  seconds: number,
  now: Date,
): Promise<string> {
  const iat = Math.floor(now.getTime() / 1000);
  return new SignJWT({
    ...{ client_id: subject.client, scope: subject.scopes.join(" ") },
    ...{ auth_time: Math.floor(subject.authAt.getTime() / 1000), amr: subject.amr, acr: subject.acr },
    ...{ sid: subject.session, knd: subject.kind, op: subject.operator, ep: subject.epoch },
  })
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid })
    .setIssuer(issuer(env))
    .setAudience(AUDIENCE[subject.kind])
    .setSubject(subject.id)
    .setIssuedAt(iat)
    .setNotBefore(iat)
    .setExpirationTime(iat + seconds)
    .setJti(crypto.randomUUID())
    .sign(key);
}

/**
 * What a token says, if we signed it and its time is right. Whether its session lives is another question: `validate`.
 * Throws `token_expired`, or `token_invalid` for everything else, without saying what was wrong.
 */
export async function readAccessToken(
  env: Env,
  token: string,
  kinds: readonly Subject["kind"][],
  now: Date,
): Promise<{ claims: Claims; kid: string }> {
  try {
    const { payload, protectedHeader } = await jwtVerify(
      token,
      ({ kid }) => {
        const key = kid === undefined ? undefined : verificationKey(env, kid);
        if (!key) throw new errors.JWKSNoMatchingKey();
        return key;
      },
      {
        ...{ algorithms: ["HS256"], typ: "at+jwt", issuer: issuer(env) },
        audience: kinds.map((kind) => AUDIENCE[kind]),
        ...{ clockTolerance: LEEWAY_S, currentDate: now, requiredClaims: ["exp", "iat", "jti", "sub"] },
      },
    );
    const claims = Claims.parse(payload);
    // A key that comes with the token (`jwk`, `jku`, `x5u`) is never looked at, and no honest token of ours brings one.
    if (Object.keys(protectedHeader).some((name) => !HEADERS.has(name))) throw fail("token_invalid");
    if (payload.aud !== AUDIENCE[claims.knd]) throw fail("token_invalid");
    return { claims, kid: protectedHeader.kid! };
  } catch (error) {
    throw error instanceof errors.JWTExpired ? fail("token_expired") : fail("token_invalid");
  }
}

export const subjectOf = (claims: Claims): Subject => ({
  ...{ kind: claims.knd, id: claims.sub, operator: claims.op, session: claims.sid, client: claims.client_id },
  scopes: claims.scope.split(" ").filter(Boolean),
  ...{ amr: claims.amr as Amr[], acr: claims.acr },
  ...{ authAt: new Date(claims.auth_time * 1000), expiresAt: new Date(claims.exp * 1000) },
});
