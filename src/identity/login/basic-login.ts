import { Buffer } from "node:buffer";
import type { Context } from "hono";

/**
 * A sign-in without a body (RFC 7617): `Authorization: Basic login:secret`, beside it `X-Client-Id`, `X-Auth-Method`, and for
 * a code `X-Challenge-Id`. As the body that says the same, not yet checked; undefined for any other request.
 */
export function basicLogin(c: Context): Record<string, unknown> | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString();
  const colon = splitAt(text);
  const [login, secret] = [text.slice(0, colon), text.slice(colon + 1)];
  const method = c.req.header("x-auth-method") ?? "password";
  const challenge = c.req.header("x-challenge-id");
  return {
    ...{ client_id: c.req.header("x-client-id"), method, login },
    ...(method === "password" ? { password: secret } : { code: secret }),
    ...(challenge !== undefined && { challenge_id: challenge }),
  };
}

// A person's login holds no colon; a controller's begins with one, and its serial may hold more.
const splitAt = (text: string): number => {
  const colon = text.startsWith("dev:") ? text.lastIndexOf(":") : text.indexOf(":");
  return colon < 0 ? text.length : colon;
};
