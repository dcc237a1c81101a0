/** However long a service wants to be left alone, it is asked again after this many seconds. */
const LONGEST_SECONDS = 3_600;

/** Seconds that an answer asks us to wait (RFC 9110, 10.2.3), if it does. */
export function retryAfter({ headers }: Response, now = new Date()): number | undefined {
  const text = headers.get("retry-after")?.trim();
  if (!text) return undefined;
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.ceil((Date.parse(text) - now.getTime()) / 1000);
  return Number.isNaN(seconds) ? undefined : Math.min(LONGEST_SECONDS, Math.max(0, seconds));
}
