import { type Env, type Settings, settings } from "#env.ts";
import { letGo } from "#platform/outbound.ts";
import { hashed } from "../crypto/hashes.ts";
import { sealJob } from "../crypto/publisher-job.ts";
import { grantOf } from "../users/grants.ts";
import { platformOfLetter } from "../users/platforms.ts";
import { type Asked, askPublisher } from "./publisher.ts";
import { type Opened, openedIn } from "./sealed-sms.ts";
import type { GatewayMessage } from "./tables.ts";

/** What came of one attempt. `dead`: no repetition will help. `waits`: nobody is there to take it. `alarm`: nothing passes until somebody acts. */
export interface Outcome {
  result: "taken" | "dead" | "waits" | "later";
  error?: string;
  alarm?: boolean;
}

/** Gives an opened SMS to the publisher, under its id, so that a publisher that sees it twice knows. Taken is 200 and nothing else. */
export async function handOver(env: Env, row: GatewayMessage): Promise<Outcome> {
  const config = settings(env);
  if (!config.PUBLISHER_URL) return { result: "waits", error: "PUBLISHER_URL is not set" };
  const opened = await openedIn(config, row);
  const asked = config.PUBLISHER_FORM === "job" ? await jobFor(env, row, opened) : messageOf(opened);
  if ("error" in asked) return { result: "dead", error: asked.error };
  const response = await askPublisher(env, asked, row.id);
  await letGo(response);
  if (response.status === 200) return { result: "taken" };
  const error = `The publisher answered ${response.status}`;
  return { result: "later", error, alarm: [401, 403, 404].includes(response.status) };
}

const messageOf = ({ msisdn, message }: Opened): Asked => ({
  contentType: "application/json",
  text: JSON.stringify({ MSISDN: msisdn, message }),
});

/** The encrypted job, or why there will never be one. */
async function jobFor(
  env: Env,
  { userId }: GatewayMessage,
  { msisdn, message }: Opened,
): Promise<Asked | { error: string }> {
  const config = settings(env) as Settings & { GATEWAY_HASHING_SALT: string; PUBLISHER_ENCRYPTION_KEY: string };
  const platform = platformOfLetter(config, message.charAt(0));
  if (!platform) return { error: "No platform has its letter" };
  const grant = await grantOf(env, userId!, platform.name);
  if (!grant) return { error: "The user has no account at its platform" };
  const { username, token, uniqueId } = grant;
  const text = sealJob(config.PUBLISHER_ENCRYPTION_KEY, {
    ...{ username, token, uniqueId, data: message, platform_name: platform.name },
    phoneNumber_hash: hashed(config.GATEWAY_HASHING_SALT, msisdn),
  });
  return { contentType: "text/plain", text };
}
