/**
 * A call to a Macroscop server for the channel of a camera: the query of its URL and the operator's own go along, with times as
 * `dd.MM.yyyy HH:mm:ss` in UTC.
 */
export function macroscopUrl(
  camera: string,
  secret: string,
  path: string,
  { from, to, ...more }: { from: Date; to: Date } & Record<string, unknown>,
): string {
  const url = new URL(camera);
  url.pathname = path;
  for (const [name, value] of new URLSearchParams(secret)) url.searchParams.set(name, value);
  const times = { fromtime: timeText(from), totime: timeText(to) };
  for (const [name, value] of Object.entries({ ...times, ...more })) url.searchParams.set(name, String(value));
  return url.href;
}

function timeText(at: Date): string {
  const [date = "", time = ""] = at.toISOString().slice(0, 19).split("T");
  return `${date.split("-").reverse().join(".")} ${time}`;
}
