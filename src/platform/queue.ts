/** Seconds before attempt `attempt + 1`: doubles from one second to `cap`, with up to a quarter of jitter. */
export function backoff(attempt: number, cap = 60, random = Math.random()): number {
  const whole = Math.min(cap, 2 ** Math.min(attempt - 1, 16));
  return Math.max(1, Math.round(whole * (1 - random / 4)));
}
