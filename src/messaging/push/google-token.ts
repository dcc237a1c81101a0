import { importPKCS8, SignJWT } from "jose";
import type { Settings } from "#env.ts";
import { KeptToken } from "./kept-token.ts";
import { askForToken } from "./token-endpoint.ts";

type ServiceAccount = NonNullable<Settings["FCM_SERVICE_ACCOUNT"]>;

const SCOPE = "https://www.googleapis.com/auth/firebase.messaging";
const ASSERTION_SECONDS = 600;
const kept = new KeptToken();

/** The access token of the service account (RFC 7523). Throws AppError `unavailable`, see `askForToken`. */
export function googleToken(account: ServiceAccount, { GOOGLE_TOKEN_URL: url }: Settings, timeLimitMs: number) {
  const name = `${account.client_email} ${account.private_key_id ?? ""} ${url}`;
  return kept.get(name, async () => {
    const grant = {
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: await assertionOf(account, url),
    };
    return askForToken(url, grant, timeLimitMs);
  });
}

/** FCM did not take it. */
export const dropGoogleToken = (token: string): void => kept.drop(token);

async function assertionOf({ client_email, private_key, private_key_id: kid }: ServiceAccount, url: string) {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ scope: SCOPE })
    .setProtectedHeader({ alg: "RS256", typ: "JWT", ...(kid && { kid }) })
    .setIssuer(client_email)
    .setAudience(url)
    .setIssuedAt(now)
    .setExpirationTime(now + ASSERTION_SECONDS)
    .sign(await importPKCS8(private_key, "RS256"));
}
