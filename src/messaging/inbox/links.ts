import type { Settings } from "#env.ts";
import { hostAllowed } from "#platform/outbound.ts";

/**
 * The URL when a page of ours may lead there: http(s), without credentials inside, to ourselves, a media server, or a place
 * that the operator has named in the settings. Undefined for anything else.
 */
export function safeLink(text: string | null | undefined, settings: Settings): string | undefined {
  const url = URL.parse(text ?? "");
  if (url === null || url.username + url.password !== "") return undefined;
  return hostAllowed(url, knownHosts(settings), settings.ENVIRONMENT === "development") ? url.href : undefined;
}

function knownHosts({ PUBLIC_URL, MEDIA_HOSTS, PAY_RETURN_URL, APP_LINK, APP_OPTIONS, EXTENSIONS }: Settings) {
  const { paymentsUrl, chatUrl } = APP_OPTIONS;
  const named = [PUBLIC_URL, PAY_RETURN_URL, APP_LINK, paymentsUrl, chatUrl, ...EXTENSIONS.map(({ url }) => url)];
  return [...MEDIA_HOSTS, ...named.flatMap((url) => URL.parse(String(url ?? ""))?.hostname ?? [])];
}
