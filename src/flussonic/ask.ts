// What Flussonic asks: https://flussonic.com/doc/api/authorization (name, proto, dvr …, in a query or as JSON)
// and, from older servers, `type` and `media_request` (https://flussonic.com/doc/authorization/archive-access-authorization).

/** May this token play, or send, this stream? */
export interface Ask {
  name: string;
  /** Empty when there is none. */
  token: string;
  publish: boolean;
  /** Whether the session plays the archive; undefined from a server that does not say. */
  dvr: boolean | undefined;
  /** The piece of the archive that an old server names. */
  piece: Piece | undefined;
  /** The protocol is mp4: a download, or a still. */
  mp4: boolean;
}

/** In s since 1970. NaN for a beginning that is not named: it is then neither early enough nor too early. */
export interface Piece {
  from: number;
  to: number;
}

/** The call as the media server sent it, to be passed on unchanged. */
export interface Forward {
  /** Without the question mark. */
  query: string;
  body?: string;
}

interface Fields {
  name?: string | undefined;
  token?: string | undefined;
  proto?: string | undefined;
  type?: string | undefined;
  dvr?: string | undefined;
  media_request?: string | undefined;
}

/** The query of a URL, without the question mark and as it was sent. */
export function queryOf(url: string): string {
  const start = url.indexOf("?");
  if (start < 0) return "";
  const end = url.indexOf("#", start);
  return end < 0 ? url.slice(start + 1) : url.slice(start + 1, end);
}

/** A GET: somebody wants to watch. Parsed by hand, because this runs for every viewer every minute. */
export function playAsk(query: string, now = Date.now()): Ask {
  return askOf(fieldsOf(query), false, now);
}

/**
 * A POST: Flussonic's on_publish, or on_play from a server that prefers it. Protocols that can only play
 * count as playing; whatever else is asked by POST is publishing, which no viewer's token allows.
 */
export function postedAsk(text: string, now = Date.now()): Ask {
  const fields = jsonFields(text);
  return askOf(fields, !PLAY_ONLY.has(fields.proto ?? fields.type ?? ""), now);
}

const PLAY_ONLY = new Set(
  "hls llhls cmaf dash mss mseld m4s m4f mp4 jpeg mjpeg player api json_manifest tshttp".split(" "),
);

function askOf({ name = "", token = "", proto, type, dvr, media_request }: Fields, publish: boolean, now: number): Ask {
  return {
    name,
    token,
    publish,
    dvr: dvr === undefined ? undefined : dvr !== "false" && dvr !== "0",
    piece: media_request === undefined ? undefined : pieceOf(media_request, now),
    mp4: (proto ?? type) === "mp4",
  };
}

/** The first of repeated values counts, so that nothing a player appends can overrule the server. */
export function fieldsOf(query: string): Fields & Record<string, string | undefined> {
  const fields: Fields & Record<string, string | undefined> = {};
  for (let start = 0; start < query.length; ) {
    let end = query.indexOf("&", start);
    if (end < 0) end = query.length;
    const equals = query.indexOf("=", start);
    if (equals >= 0 && equals < end) {
      const key = query.slice(start, equals);
      if (KEYS.has(key)) fields[key] ??= decoded(query.slice(equals + 1, end));
    }
    start = end + 1;
  }
  return fields;
}

const KEYS = new Set("name token proto type dvr media_request call addr app start".split(" "));

// What cannot be decoded stays as it is, and is no stream's name.
function decoded(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

function jsonFields(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return {};
  }
  if (typeof value !== "object" || value === null) return {};
  const told = value as Record<string, unknown>;
  const field = (key: string) => {
    const found = Object.hasOwn(told, key) ? told[key] : undefined;
    return typeof found === "string" || typeof found === "boolean" ? String(found) : undefined;
  };
  return {
    ...{ name: field("name"), token: field("token"), proto: field("proto"), type: field("type") },
    ...{ dvr: field("dvr"), media_request: field("media_request") },
  };
}

/** `dvr_session-hls_playlist-FROM-SECONDS`, `dvr_handler-timeshift_abs-FROM`, `archive-FROM-now.mp4` … */
function pieceOf(request: string, now: number): Piece | undefined {
  if (!/^(dvr|archive-|timeshift_|rewind-|(index|mono|video)-\d)/.test(request)) return undefined;
  const [, ago] = /(?:timeshift_rel|rewind)[-/](\d{1,9})(?=\.|$)/.exec(request) ?? [];
  if (ago !== undefined) return { from: Math.floor(now / 1000) - Number(ago), to: Infinity };
  const [, from, length] = /-(\d{9,10})(?:-(\d{1,7}|now))?(?=\.|$)/.exec(request) ?? [];
  return { from: Number(from ?? Number.NaN), to: Number(from) + (Number(length) || Infinity) };
}
