import type { Settings } from "#env.ts";
import { call } from "#platform/outbound.ts";
import type { Outcome } from "../transport.ts";
import type { Push } from "./content.ts";
import { outcomeOf, refusalIn } from "./fcm-answer.ts";
import { fcmMessage } from "./fcm-message.ts";
import { dropGoogleToken, googleToken } from "./google-token.ts";

/** Hands a push to Firebase. Throws AppError `unavailable` when it, or Google's token endpoint, is out of reach. */
export async function sendByFcm(settings: Settings, push: Push): Promise<Outcome> {
  const account = settings.FCM_SERVICE_ACCOUNT!;
  const url = `${settings.FCM_URL}/v1/projects/${encodeURIComponent(account.project_id)}/messages:send`;
  const body = JSON.stringify({ message: fcmMessage(push) });
  for (let attempt = 1; ; attempt += 1) {
    const token = await googleToken(account, settings, push.timeLimitMs);
    const refusal = await refusalIn(await post(url, token, body, push.timeLimitMs));
    if (!refusal) return { result: "sent" };
    // Apple's certificate at Firebase is not ours to renew, so a new token would not help.
    const isStale = refusal.status === 401 && refusal.code !== "THIRD_PARTY_AUTH_ERROR";
    if (isStale) dropGoogleToken(token);
    if (!isStale || attempt > 1) return outcomeOf("FCM", push.address.token, refusal);
  }
}

/** Hands a push to RuStore, whose service token does not end and whose API is Firebase's. */
export async function sendByRuStore(settings: Settings, push: Push): Promise<Outcome> {
  const { RUSTORE_URL, RUSTORE_PROJECT = "", RUSTORE_TOKEN = "" } = settings;
  const url = `${RUSTORE_URL}/v1/projects/${encodeURIComponent(RUSTORE_PROJECT)}/messages:send`;
  const { token } = push.address;
  const message = { token, data: push.content.data, android: { ttl: `${push.seconds}s` } };
  const body = JSON.stringify({ message });
  const refusal = await refusalIn(await post(url, RUSTORE_TOKEN, body, push.timeLimitMs));
  return refusal ? outcomeOf("RuStore", token, refusal) : { result: "sent" };
}

const post = (url: string, token: string, body: string, timeLimitMs: number) =>
  call(url, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body,
    timeLimitMs,
  });
