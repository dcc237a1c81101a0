import { SignJWT } from "jose";
import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { keyFor, shortMac } from "#platform/crypto.ts";
import { issuer } from "../tokens/access-token.ts";
import type { Subject } from "../tokens/subject.ts";
import { audienceOfTarget, type Provider } from "./providers.ts";
import type { GatewayRoute } from "./tables.ts";

type Keyed = Pick<GatewayRoute, "operator" | "keyKid" | "keyVersion">;

export interface IdentityKey {
  kid: string;
  key: Uint8Array;
}

const ASSERTION_S = 60;

/** Which key a target gets from now on. */
export const newestKey = (env: Env, now: Date): Pick<GatewayRoute, "keyKid" | "keyVersion"> => ({
  keyKid: settings(env).MASTER_KEY.current.kid,
  keyVersion: Math.floor(now.getTime() / 1000),
});

/**
 * The key that signs what one target is told of its callers. Derived, and so stored nowhere; each operator has its own for each
 * target, so that whoever may see one can speak for nobody else. Undefined once MASTER_KEY has lost the key below it.
 */
export function identityKey(
  env: Env,
  { operator, keyKid, keyVersion }: Keyed,
  audience: string,
): IdentityKey | undefined {
  const master = settings(env).MASTER_KEY.find(keyKid);
  if (!master) return undefined;
  const purpose = ["gateway-identity", operator, audience, keyVersion].join("\n");
  return { kid: `${keyKid}.${shortMac(master, `kid\n${purpose}`, 9)}`, key: keyFor(master, purpose) };
}

export interface Asserted {
  route: Keyed;
  provider: Provider;
  caller: Subject;
  domain: string | null;
  requestId: string;
  method: string;
  /** The URL that the target is asked for, without its query (as RFC 9449 has it). */
  url: string;
}

/** Who is asking, signed for this target, this request and one minute. */
export async function assertIdentity(
  env: Env,
  { route, provider, caller, domain, requestId, method, url }: Asserted,
  now: Date,
): Promise<string> {
  const audience = audienceOfTarget(provider) ?? "";
  const signer = identityKey(env, route, audience);
  if (!signer) throw fail("config_unavailable", { cause: `MASTER_KEY has no key ${route.keyKid}` });
  const iat = Math.floor(now.getTime() / 1000);
  return new SignJWT({
    ...{ knd: caller.kind, op: caller.operator, sid: caller.session, scope: caller.scopes.join(" ") },
    ...{ amr: caller.amr, auth_time: Math.floor(caller.authAt.getTime() / 1000) },
    ...{ dom: domain ?? undefined, rid: requestId, htm: method, htu: url },
  })
    .setProtectedHeader({ alg: "HS256", typ: "shield-id+jwt", kid: signer.kid })
    .setIssuer(issuer(env))
    .setAudience(audience)
    .setSubject(caller.id)
    .setIssuedAt(iat)
    .setExpirationTime(iat + ASSERTION_S)
    .sign(signer.key);
}
