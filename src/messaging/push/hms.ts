import * as z from "zod";
import type { Settings } from "#env.ts";
import { answerText, call } from "#platform/outbound.ts";
import type { Outcome } from "../transport.ts";
import type { Push } from "./content.ts";
import { KeptToken } from "./kept-token.ts";
import { retryAfter } from "./retry-after.ts";
import { askForToken } from "./token-endpoint.ts";

// Huawei's Push Kit says what happened in a code of its own, mostly under HTTP 200.
const SENT = "80000000";
/** None of the tokens is one of this app. */
const NO_SUCH_TOKEN = "80300007";
/** Access tokens that are wrong or over: the first means another app's, too. */
const STALE_TOKEN = new Set(["80200001", "80200003"]);
/** No right to send, an app that is not set up, or no access token to be had. */
const NEEDS_A_PERSON = new Set(["80300002", "80600003"]);
/** Huawei's own trouble, and its limits of flow. */
const LATER = new Set(["80100017", "80300011", "81000001"]);

const kept = new KeptToken();

/** Hands a push to Huawei as data for the app. Throws AppError `unavailable` when Huawei is out of reach. */
export async function sendByHms(settings: Settings, push: Push): Promise<Outcome> {
  const url = `${settings.HMS_URL}/v1/${encodeURIComponent(settings.HMS_APP_ID!)}/messages:send`;
  for (let attempt = 1; ; attempt += 1) {
    const token = await hmsToken(settings, push.timeLimitMs);
    const response = await call(url, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json; charset=UTF-8" },
      body: JSON.stringify({ validate_only: false, message: hmsMessage(push) }),
      timeLimitMs: push.timeLimitMs,
    });
    const code = codeIn(await answerText(response, 65_536));
    const isStale = STALE_TOKEN.has(code) || response.status === 401;
    if (isStale) kept.drop(token);
    if (!isStale || attempt > 1) return outcomeOf(response, code, push.address.token);
  }
}

/** Huawei's `message`: the data is one text, which the app reads as JSON. */
export const hmsMessage = ({ address, content, seconds }: Push) => ({
  data: JSON.stringify(content.data),
  android: { urgency: "HIGH", ttl: `${seconds}s` },
  token: [address.token],
});

function hmsToken({ HMS_TOKEN_URL: url, HMS_APP_ID = "", HMS_APP_SECRET = "" }: Settings, timeLimitMs: number) {
  const grant = { grant_type: "client_credentials", client_id: HMS_APP_ID, client_secret: HMS_APP_SECRET };
  return kept.get(`${HMS_APP_ID} ${url}`, () => askForToken(url, grant, timeLimitMs));
}

const Answer = z.object({ code: z.coerce.string().regex(/^\d{1,12}$/) });

function codeIn(text: string): string {
  try {
    return Answer.parse(JSON.parse(text)).code;
  } catch {
    return "";
  }
}

function outcomeOf(response: Response, code: string, token: string): Outcome {
  const { status, ok } = response;
  if (ok && code === SENT) return { result: "sent" };
  const error = `HMS: HTTP ${status} ${code}`.trim();
  if (code === NO_SUCH_TOKEN) return { result: "refused", error, gone: token };
  if (STALE_TOKEN.has(code) || NEEDS_A_PERSON.has(code) || status === 401 || status === 403)
    return { result: "later", error, alarm: true };
  const isBusy = code === "" || LATER.has(code) || status >= 500 || status === 408 || status === 429;
  return isBusy ? { result: "later", error, pauseSeconds: retryAfter(response) } : { result: "refused", error };
}
