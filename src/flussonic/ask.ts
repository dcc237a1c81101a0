// What Flussonic asks: https://flussonic.com/doc/api/authorization (name, proto, dvr …, in a query or as JSON)
// and, from older servers, `type` and `media_request` (https://flussonic.com/doc/authorization/archive-access-authorization).

/** May this token play, or send, this stream? */
export interface Ask {
  readonly name: string;
  /** The same stream's name with its application before it, from a server that keeps the two apart. */
  readonly alias: string | undefined;
  /** Empty when there is none. */
  readonly token: string;
  readonly publish: boolean;
  /** Whether the session plays the archive; undefined from a server that does not say. */
  readonly dvr: boolean | undefined;
  /** The piece of the archive that an old server names. */
  readonly piece: Piece | undefined;
}

/** In s since 1970. NaN for a beginning that is not named: whoever may not watch all of the archive is then refused. */
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

/** The query of a URL, without the question mark and as it was sent. */
export function queryOf(url: string): string {
  const start = url.indexOf("?");
  if (start < 0) return "";
  const end = url.indexOf("#", start);
  return end < 0 ? url.slice(start + 1) : url.slice(start + 1, end);
}

/**
 * The first value of a name in a query or a form: nothing that a player appends can overrule the server. Searched
 * for and not split, because this runs for every viewer every minute, and few of a call's fields are ever looked at.
 */
export function fieldOf(query: string, name: string): string | undefined {
  const key = `${name}=`;
  let start = 0;
  if (!query.startsWith(key)) {
    const found = query.indexOf(`&${key}`);
    if (found < 0) return undefined;
    start = found + 1;
  }
  const end = query.indexOf("&", start);
  return decoded(query.slice(start + key.length, end < 0 ? undefined : end));
}

// What cannot be decoded stays as it is, and is no stream's name.
function decoded(text: string): string {
  if (!text.includes("%") && !text.includes("+")) return text;
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** A GET: somebody wants to watch. */
export const playAsk = (query: string): Ask => new FlussonicAsk((name) => fieldOf(query, name), false);

/**
 * A POST: Flussonic's on_publish, or on_play from a server that prefers it. Protocols that can only play
 * count as playing; whatever else is asked by POST is publishing, which no viewer's token allows.
 */
export function postedAsk(text: string): Ask {
  const fields = fieldsOf(text);
  const field = (name: string) => {
    const value = Object.hasOwn(fields, name) ? fields[name] : undefined;
    return typeof value === "string" || typeof value === "boolean" ? String(value) : undefined;
  };
  return new FlussonicAsk(field, !PLAY_ONLY.has(field("proto") ?? field("type") ?? ""));
}

const PLAY_ONLY = new Set(
  "hls llhls cmaf dash mss mseld m4s m4f mp4 jpeg mjpeg player api json_manifest tshttp".split(" "),
);

function fieldsOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

type Field = (name: string) => string | undefined;

/** What is not always looked at is read only then. */
class FlussonicAsk implements Ask {
  readonly name: string;
  readonly alias = undefined;
  readonly token: string;
  readonly publish: boolean;
  readonly #field: Field;

  constructor(field: Field, publish: boolean) {
    this.name = field("name") ?? "";
    this.token = field("token") ?? "";
    this.publish = publish;
    this.#field = field;
  }

  get dvr(): boolean | undefined {
    const dvr = this.#field("dvr");
    return dvr === undefined ? undefined : dvr !== "false" && dvr !== "0";
  }

  get piece(): Piece | undefined {
    const request = this.#field("media_request");
    return request === undefined ? undefined : pieceOf(request, Date.now());
  }
}

/** `dvr_session-hls_playlist-FROM-SECONDS`, `dvr_handler-timeshift_abs-FROM`, `archive-FROM-now.mp4`, `rewind-SECONDS` … */
function pieceOf(request: string, now: number): Piece | undefined {
  if (!/^(dvr|archive|timeshift|rewind|(index|mono|video)-\d)/.test(request)) return undefined;
  if (/timeshift_rel|rewind/.test(request)) {
    const ago = /[-/](\d{1,9})(?=\.|$)/.exec(request)?.[1];
    return { from: Math.floor(now / 1000) - Number(ago ?? Number.NaN), to: Infinity };
  }
  const [, from, length] = /[-/](\d{9,10})(?:[-/](\d{1,7}|now))?(?=\.|$)/.exec(request) ?? [];
  return { from: Number(from ?? Number.NaN), to: Number(from) + (Number(length) || Infinity) };
}
