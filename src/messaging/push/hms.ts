import type { Settings } from "#env.ts";
import { call } from "#platform/outbound.ts";
import type { Outcome } from "../transport.ts";
import type { Push } from "./content.ts";
import { outcomeOf, toldBy } from "./hms-answer.ts";
import { KeptToken } from "./kept-token.ts";
import { askForToken } from "./token-endpoint.ts";

const kept = new KeptToken();

/** Hands a push for an Android app to Huawei, as data. Throws AppError `unavailable` when Huawei is out of reach. */
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
    const told = await toldBy(response);
    if (told.isStale) kept.drop(token);
    if (!told.isStale || attempt > 1) return outcomeOf(told, push.address.token);
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
