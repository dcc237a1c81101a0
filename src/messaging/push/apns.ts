import { importPKCS8, SignJWT } from "jose";
import * as z from "zod";
import type { Settings } from "#env.ts";
import { answerText, call } from "#platform/outbound.ts";
import type { Outcome } from "../transport.ts";
import type { Push } from "./content.ts";
import { apnsHeaders, aps } from "./fcm-message.ts";
import { KeptToken } from "./kept-token.ts";
import { retryAfter } from "./retry-after.ts";

/** Apple refuses a token that is older than an hour, and one that is renewed more often than every 20 minutes. */
const TOKEN_SECONDS = 3_000;
const kept = new KeptToken();

/** A call to an app that prefers CallKit is a push of its own kind, to a token of its own. */
export const isVoip = ({ address, content }: Push): boolean => content.kind === "call" && Boolean(address.voipToken);

/**
 * Hands a push to Apple itself: the only way for a call over CallKit, and for a token that is Apple's own. Apple speaks HTTP/2
 * only. Throws AppError `unavailable` when it is out of reach.
 */
export async function sendByApns(settings: Settings, push: Push): Promise<Outcome> {
  const { address, timeLimitMs } = push;
  const base = address.production ? settings.APNS_URL : settings.APNS_SANDBOX_URL;
  const token = isVoip(push) ? address.voipToken! : address.token;
  for (let attempt = 1; ; attempt += 1) {
    const bearer = await providerToken(settings);
    const response = await call(`${base}/3/device/${encodeURIComponent(token)}`, {
      method: "POST",
      headers: { authorization: `bearer ${bearer}`, "content-type": "application/json", ...headersOf(settings, push) },
      body: JSON.stringify(apnsPayload(push)),
      timeLimitMs,
    });
    if (response.ok) {
      await response.body?.cancel();
      return { result: "sent" };
    }
    const reason = reasonIn(await answerText(response, 16_384));
    const isStale = reason === "ExpiredProviderToken";
    if (isStale) kept.drop(bearer);
    if (!isStale || attempt > 1) return outcomeOf(response, reason, token);
  }
}

/** A call over CallKit has its fields under `data`; in everything else they lie beside `aps`, as Firebase puts them. */
export const apnsPayload = (push: Push): Record<string, unknown> =>
  isVoip(push) ? { aps: {}, data: push.content.data } : { aps: aps(push.content), ...push.content.data };

const headersOf = ({ APNS_TOPIC }: Settings, push: Push) => ({
  ...apnsHeaders(push),
  "apns-push-type": isVoip(push) ? "voip" : "alert",
  "apns-topic": isVoip(push) ? `${APNS_TOPIC}.voip` : APNS_TOPIC!,
});

function providerToken({ APNS_KEY = "", APNS_KEY_ID = "", APNS_TEAM_ID = "" }: Settings): Promise<string> {
  return kept.get(`${APNS_TEAM_ID} ${APNS_KEY_ID}`, async () => {
    const token = await new SignJWT()
      .setProtectedHeader({ alg: "ES256", kid: APNS_KEY_ID })
      .setIssuer(APNS_TEAM_ID)
      .setIssuedAt()
      .sign(await importPKCS8(APNS_KEY, "ES256"));
    return { token, lifeSeconds: TOKEN_SECONDS };
  });
}

const Answer = z.object({ reason: z.string().regex(/^[A-Za-z]{1,40}$/) });

function reasonIn(text: string): string {
  try {
    return Answer.parse(JSON.parse(text)).reason;
  } catch {
    return "";
  }
}

const GONE = new Set(["Unregistered", "BadDeviceToken", "DeviceTokenNotForTopic", "ExpiredToken"]);

function outcomeOf(response: Response, reason: string, token: string): Outcome {
  const { status } = response;
  const error = `APNs: HTTP ${status} ${reason}`.trim();
  if (GONE.has(reason) || status === 410) return { result: "refused", error, gone: token };
  if (status === 403) return { result: "later", error, alarm: true };
  const isRefused = status >= 400 && status < 500 && status !== 408 && status !== 429;
  return isRefused ? { result: "refused", error } : { result: "later", error, pauseSeconds: retryAfter(response) };
}
