import { createHash, randomInt } from "node:crypto";
import type { NimbleSecret } from "./media-secret.ts";

/**
 * A URL of Nimble's management API: `/manage/dvr_status` tells what is recorded, `/manage/dvr/export_mp4` gives it as a file
 * (https://softvelum.com/nimble/api/). A token is never sent itself, but its MD5 with a salt. Undefined when nobody has entered
 * where the API is.
 */
export function managementUrl(
  { management_url, management_token = "" }: NimbleSecret,
  path: string,
  query: Record<string, string>,
  salt = randomInt(1_000_000_000),
): string | undefined {
  if (management_url === undefined) return undefined;
  const hash = createHash("md5").update(`${salt}/${management_token}`).digest("base64");
  const params = new URLSearchParams({ ...query, ...(management_token && { salt: String(salt), hash }) });
  return `${management_url.replace(/\/+$/, "")}${path}?${params}`;
}
