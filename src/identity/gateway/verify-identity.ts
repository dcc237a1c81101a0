import { type JWTPayload, jwtVerify } from "jose";

/** `audience`: the target's own origin. `keys`: by kid, as they were shown once. Throws for whatever is not to be trusted. */
export async function verifyIdentity(
  { method, url, headers }: Pick<Request, "method" | "url" | "headers">,
  { issuer, audience, keys }: { issuer: string; audience: string; keys: Map<string, string> },
): Promise<JWTPayload> {
  const keyNamed = ({ kid = "" }) => {
    const key = keys.get(kid);
    if (!key) throw new Error("signed with another key");
    return Uint8Array.from(atob(key), (character) => character.charCodeAt(0));
  };
  const trusted = { algorithms: ["HS256"], typ: "shield-id+jwt", issuer, audience, requiredClaims: ["sub", "exp"] };
  const { payload } = await jwtVerify(headers.get("x-shield-identity") ?? "", keyNamed, trusted);
  const madeFor = `${payload.htm} ${new URL(String(payload.htu)).pathname}`;
  if (madeFor !== `${method} ${new URL(url).pathname}`) throw new Error("made for another request");
  return payload;
}
