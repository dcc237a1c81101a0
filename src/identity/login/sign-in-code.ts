import { type Env, settings } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { accountByIdentifier } from "../accounts/queries.ts";
import { mayBeCoded } from "./admission.ts";
import { type ChallengeAnswer, openChallenge, type Requester } from "./challenges.ts";
import { demandChannel, type Target } from "./targets.ts";
import { demandMailCodes, demandMethod } from "./ways-in.ts";

interface Wanted {
  target: Target;
  /** `auto`: whoever has no account gets one by signing in, where the operator lets people register. */
  purpose: "login" | "auto";
  channel?: "sms" | "email" | undefined;
}

/**
 * Sends a code to sign in with, or does as if: to a login that nobody has, or whose owner is shut out, nothing leaves, after the
 * same work and with the same answer. Throws `method_not_allowed_for_client`, and as `openChallenge` does.
 */
export async function sendSignInCode(
  env: Env,
  requester: Requester,
  { target, purpose, channel }: Wanted,
  now = new Date(),
): Promise<ChallengeAnswer> {
  const { operator } = requester;
  const isPhone = target.type === "phone";
  if (channel !== undefined && channel !== (isPhone ? "sms" : "email")) throw fail("channel_unavailable");
  demandMethod(requester, isPhone ? "sms" : "code");
  if (!isPhone) demandMailCodes(requester);
  demandChannel(settings(env), operator, target);
  const known = await accountByIdentifier(database(env), operator.id, target.type, target.value);
  const mayRegister = purpose === "auto" && isPhone && operator.params.self_registration;
  const isReal = known ? mayBeCoded(known, now) : mayRegister;
  return openChallenge(
    env,
    requester,
    {
      // Only a code that was really sent may make an account: a decoy is never one that could.
      ...{ purpose: isReal ? purpose : "login", target },
      ...{ account: isReal ? (known?.id ?? null) : null, deliver: isReal ? "code" : "nothing" },
    },
    now,
  );
}
