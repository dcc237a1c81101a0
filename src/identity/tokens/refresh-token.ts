import { type Env, settings } from "#env.ts";
import { keyFor, sameText, shortMac } from "#platform/crypto.ts";

// `rt1.<kid>.<session>.<generation>.<mac>`. Nothing but a counter and a random secret per session is stored; the MAC's key is
// elsewhere, so neither a stolen database nor a leaked key alone can make a token.

export interface RefreshToken {
  kid: string;
  session: string;
  generation: number;
  mac: string;
}

/** The refresh token of a session's generation. Always the same one, so that a repeated request gets the same answer. */
export function refreshToken(env: Env, session: string, generation: number, secret: string): string {
  const { kid, key } = settings(env).PEPPERS.current;
  return `rt1.${kid}.${session}.${generation}.${macOf(key, session, generation, secret)}`;
}

/** The parts of a token, not yet believed; undefined for what has another form. */
export function parseRefreshToken(text: string): RefreshToken | undefined {
  const match = /^rt1\.([\w-]{1,16})\.(ses_[0-9A-Z]{26})\.(\d{1,9})\.([\w-]{43})$/.exec(text);
  if (!match) return undefined;
  const [, kid, session, generation, mac] = match;
  return { kid: kid!, session: session!, generation: Number(generation), mac: mac! };
}

/** Whether we made it. */
export function isOurs(env: Env, { kid, session, generation, mac }: RefreshToken, secret: string): boolean {
  const key = settings(env).PEPPERS.find(kid);
  return key !== undefined && sameText(mac, macOf(key, session, generation, secret));
}

const macOf = (key: Uint8Array, session: string, generation: number, secret: string) =>
  shortMac(keyFor(key, "refresh"), `rt1|${session}|${generation}|${secret}`, 32);
