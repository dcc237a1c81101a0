import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { hostAllowed } from "#platform/outbound.ts";

/** The URL, if the operator lets us call that media server; otherwise `unavailable`, and a line for the operator. */
export function mediaUrl(env: Env, text: string): URL {
  const { MEDIA_HOSTS, ENVIRONMENT } = settings(env);
  const url = URL.parse(text);
  if (url && hostAllowed(url, MEDIA_HOSTS, ENVIRONMENT === "development")) return url;
  console.error("MEDIA_HOSTS does not allow the media server", url?.hostname ?? "of a camera");
  throw new AppError("unavailable", "This media server may not be called");
}
