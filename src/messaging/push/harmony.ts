// HarmonyOS since its fifth version: Push Kit's v3 interface, by scenes (developer.huawei.com, "Scenario-based messages"). The older
// interface does not reach these apps, and its OAuth tokens are not taken here: the bearer is a JWT that we sign ourselves.
import { importPKCS8, SignJWT } from "jose";
import type { Settings } from "#env.ts";
import { call } from "#platform/outbound.ts";
import type { Outcome } from "../transport.ts";
import type { Push } from "./content.ts";
import { outcomeOf, toldBy } from "./hms-answer.ts";
import { KeptToken } from "./kept-token.ts";

type ServiceAccount = NonNullable<Settings["HMS_SERVICE_ACCOUNT"]>;

const TOKEN_SECONDS = 3_600;
const kept = new KeptToken();

/** Scenes of Push Kit, as the header `push-type` names them. */
const NOTICE = "0";
const CALL = "10";
/** More than that a HarmonyOS icon does not show. */
const HIGHEST_BADGE = 99;
/** In-app calls have to be granted by Huawei; without that a call comes as a notice. */
const scenesOf = ({ content }: Push) => (content.kind === "call" ? [CALL, NOTICE] : [NOTICE]);

/** Hands a push to Huawei for an app of HarmonyOS. Throws AppError `unavailable` when Huawei is out of reach. */
export async function sendToHarmony(settings: Settings, push: Push): Promise<Outcome> {
  const account = settings.HMS_SERVICE_ACCOUNT!;
  const scenes = scenesOf(push);
  for (let attempt = 1; ; attempt += 1) {
    const token = await bearerOf(account, settings);
    const told = await toldBy(await post(settings, account, token, push, scenes[0]!));
    if (told.isStale) kept.drop(token);
    if (told.isNotGranted && scenes.length > 1) scenes.shift();
    else if (!told.isStale || attempt > 1) return outcomeOf(told, push.address.token);
  }
}

function post(settings: Settings, { project_id }: ServiceAccount, token: string, push: Push, scene: string) {
  return call(`${settings.HMS_URL}/v3/${encodeURIComponent(project_id)}/messages:send`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "push-type": scene },
    body: JSON.stringify(harmonyMessage(push, scene)),
    timeLimitMs: push.timeLimitMs,
  });
}

/** The body of a message. A call's data is one text, which the app reads as JSON; of a notice it comes with the tap. */
export const harmonyMessage = (push: Push, scene = scenesOf(push)[0]!) => ({
  payload: scene === CALL ? { extraData: JSON.stringify(push.content.data) } : { notification: noticeOf(push) },
  target: { token: [push.address.token] },
  pushOptions: { ttl: push.seconds },
});

function noticeOf({ content: { kind, data, notice, badge } }: Push) {
  return {
    category: kind === "call" ? "VOIP" : data.action === "eventLog" ? "DEVICE_REMINDER" : "ACCOUNT",
    title: notice?.title ?? data.title ?? "",
    body: notice?.body ?? data.body ?? "",
    clickAction: { actionType: 0, data },
    ...(badge !== undefined && { badge: { setNum: Math.min(badge, HIGHEST_BADGE) } }),
  };
}

/** Nobody is asked for it: Huawei knows the account's public key. */
const bearerOf = ({ key_id, private_key, sub_account }: ServiceAccount, { HMS_TOKEN_URL }: Settings) =>
  kept.get(`${sub_account} ${key_id} ${HMS_TOKEN_URL}`, async () => {
    const now = Math.floor(Date.now() / 1000);
    const token = await new SignJWT()
      .setProtectedHeader({ alg: "PS256", typ: "JWT", kid: key_id })
      .setIssuer(sub_account)
      .setAudience(HMS_TOKEN_URL)
      .setIssuedAt(now)
      .setExpirationTime(now + TOKEN_SECONDS)
      .sign(await importPKCS8(private_key, "PS256"));
    return { token, lifeSeconds: TOKEN_SECONDS };
  });
