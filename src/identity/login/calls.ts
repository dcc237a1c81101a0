import { type Env, settings } from "#env.ts";
import { parsePhone } from "#platform/phones.ts";
import { type SignedIn, signIn } from "./login.ts";
import { type Client, clientMac, codesOf, installOf, phoneOf, sameNumber } from "./proof.ts";

/** The session of somebody who was asked to call us, once the PBX has seen the call. Undefined until then. */
export async function confirmCall(
  env: Env,
  { phone: text, client }: { phone: string; client: Client },
  now = new Date(),
): Promise<SignedIn | undefined> {
  const config = settings(env);
  const { phone } = phoneOf(config, text);
  const install = installOf(config, phone, client);
  const seen = await codesOf(env, phone).redeem(clientMac(config, client), install, now.getTime());
  return seen ? signIn(env, phone, { digits: 6, device: client.device }, now) : undefined;
}

/** The PBX reports a call to one of our numbers, made at `at`. True when somebody was waiting for it; a report counts once. */
export async function noteCallFrom(
  env: Env,
  { caller, called, at }: { caller: string; called?: string | undefined; at: Date },
  now = new Date(),
): Promise<boolean> {
  const { COUNTRY, CONFIRMATION_NUMBERS: numbers } = settings(env);
  const phone = parsePhone(caller, COUNTRY);
  if (!phone) return false;
  const ours = called && numbers.find((candidate) => sameNumber(candidate, called, COUNTRY));
  // A PBX that does not tell the number may have only one; else anybody's call would confirm anybody's request.
  if (!ours && (called || numbers.length > 1)) return false;
  return codesOf(env, phone).called(ours || undefined, at.getTime(), now.getTime());
}
