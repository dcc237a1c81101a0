import type { Settings } from "#env.ts";

/**
 * Our own origin with its port spelled out, as `https://gw.example.net:443`: apps in the field read the port of a URL and get -1 where none
 * stands. From PUBLIC_URL and never from a request, whose Host anybody may write. `kind` `socket` is for websockets, `app` for links that
 * open the app.
 */
export function ownOrigin(
  { PUBLIC_URL }: Pick<Settings, "PUBLIC_URL">,
  kind: "http" | "socket" | "app" = "http",
): string {
  const { protocol, hostname, port } = new URL(PUBLIC_URL);
  const isSecure = protocol === "https:";
  const scheme = { http: "http", socket: "ws", app: "app" }[kind] + (isSecure ? "s" : "");
  return `${scheme}://${hostname}:${port || (isSecure ? 443 : 80)}`;
}
