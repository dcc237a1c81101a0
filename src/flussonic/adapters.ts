import * as z from "zod";
import { type Ask, type Forward, fieldOf } from "./ask.ts";

// Other media servers ask the same question in other words. Each becomes an `Ask`, and, for PROXYFL, the
// call that Flussonic would have made.

interface Question {
  ask: Ask;
  forward: Forward;
}

/**
 * nginx-rtmp's on_play, on_publish and on_update, from the query or the form
 * (https://github.com/arut/nginx-rtmp-module/wiki/Directives#notify). The player's own `?token=` comes last.
 */
export function rtmpQuestion(event: string, form: string): Question {
  const field = (key: string) => fieldOf(form, key) ?? "";
  const [name, token, call, app] = [field("name"), field("token"), field("call"), field("app")];
  // on_update comes for both sides and says which it is; what does not say so must not go on sending.
  const publish = event === "on_play" ? false : !(event === "on_update" && (call === "update_play" || call === "play"));
  return question({ name, alias: `${app}/${name}`, token, publish }, { ip: field("addr"), proto: "rtmp" });
}

const MediaMtxCall = z.object({
  ip: z.string().catch(""),
  password: z.string().catch(""),
  token: z.string().catch(""),
  action: z.string().catch(""),
  path: z.string().catch(""),
  protocol: z.string().catch(""),
  query: z.string().catch(""),
});

/** MediaMTX's authMethod http (https://mediamtx.org/docs/usage/authentication); undefined for what is not about a stream. */
export function mediaMtxQuestion(text: string): Question | undefined {
  const { success, data } = MediaMtxCall.safeParse(jsonOf(text));
  if (!success || !["read", "playback", "publish"].includes(data.action)) return undefined;
  // Read as MediaMTX itself reads it: `%73tart` is `start` to both.
  const query = new URLSearchParams(data.query);
  const ask = {
    name: data.path,
    token: data.token || query.get("token") || data.password,
    publish: data.action === "publish",
    piece: data.action === "playback" ? { from: Date.parse(query.get("start") ?? "") / 1000, to: Infinity } : undefined,
  };
  return question(ask, { ip: data.ip, proto: data.protocol });
}

function question(
  ask: Pick<Ask, "name" | "token" | "publish"> & Partial<Pick<Ask, "alias" | "piece">>,
  about: { ip: string; proto: string },
): Question {
  const fields = { name: ask.name, token: ask.token, ...about, ...(ask.piece ? { dvr: "true" } : {}) };
  const forward = ask.publish
    ? { query: "", body: JSON.stringify(fields) }
    : { query: new URLSearchParams(fields).toString() };
  return { ask: { piece: undefined, alias: undefined, ...ask, dvr: undefined }, forward };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
