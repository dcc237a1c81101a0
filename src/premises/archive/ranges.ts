import type { Env } from "#env.ts";
import { mintViewerToken } from "../camera-tokens.ts";
import { cameraFor } from "../cameras.ts";
import type { Resident } from "../homes.ts";
import { type Recordings, recordingsOf } from "../media/recordings.ts";

/** For one question to a media server. */
const TOKEN_SECONDS = 60;

/**
 * What of one of the resident's cameras is recorded. Throws `not_found` for a foreign camera, and as the camera's state demands;
 * `unavailable` when the media server does not tell.
 */
export async function rangesFor(
  env: Env,
  resident: Resident,
  cameraId: number,
  now = new Date(),
): Promise<Recordings[]> {
  const { camera, uid } = await cameraFor(env, resident, cameraId, now);
  // The right that the apps have, who could ask the same: not an export's, which a server checks against a stretch of time.
  const { stream: name, recordDays } = camera;
  const { n: account, account: accountId, id: session } = resident;
  const audience = { account, accountId, session, contracts: [uid], streams: [{ name, recordDays }] };
  const token = mintViewerToken(env, audience, { issuedAt: now, lifeSeconds: TOKEN_SECONDS });
  return recordingsOf(env, camera, token, now);
}
