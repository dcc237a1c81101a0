// Header names are compared as the laxest target reads them: without case, and `_` as `-` (CGI and WSGI cannot tell them apart).

const normal = (name: string): string => name.toLowerCase().replaceAll("_", "-");

/** RFC 9110 §7.6.1, and what else is between two neighbours only. */
const HOP_BY_HOP = new Set([
  ...["connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer"],
  // An expectation was met on this side when the body began to come.
  ...["transfer-encoding", "upgrade", "expect"],
]);

/** Which the gateway alone may say, and by which a caller would make the target read another path, method or address. */
const RESERVED = new Set([
  ...["authorization", "forwarded", "host", "x-real-ip", "true-client-ip", "x-client-ip", "x-cluster-client-ip"],
  ...[
    "x-request-id",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
  ],
]);
const RESERVED_PREFIXES = ["x-shield-", "x-forwarded-", "cf-"];

/** What a target tells of itself, or decides for the whole hostname that it shares with us and with others. */
const NOT_HANDED_ON = new Set([
  ...["server", "via", "x-powered-by", "x-aspnet-version", "x-aspnetmvc-version", "x-request-id", "alt-svc", "nel"],
  ...["report-to", "strict-transport-security", "clear-site-data", "service-worker-allowed"],
]);

/** The cookies of Operations, which lives on this hostname too. */
const isOwnCookie = (cookie: string): boolean => /^\s*__(host|secure)-ops/i.test(cookie);

const isReserved = (name: string) => RESERVED.has(name) || RESERVED_PREFIXES.some((prefix) => name.startsWith(prefix));

/** What the target gets of the client's headers. */
export function forTarget(incoming: Headers, passBearer: boolean): Headers {
  const outgoing = new Headers();
  const named = namedByConnection(incoming);
  for (const [name, value] of incoming) {
    const plain = normal(name);
    const passes = passBearer && name === "authorization";
    if (HOP_BY_HOP.has(plain) || named.has(plain) || (isReserved(plain) && !passes)) continue;
    if (name !== "cookie") {
      outgoing.append(name, value);
      continue;
    }
    const cookies = value.split(";").filter((cookie) => !isOwnCookie(cookie));
    if (cookies.length > 0) outgoing.set(name, cookies.join(";").trim());
  }
  return outgoing;
}

/** What the client gets of the target's headers. */
export function forClient(incoming: Headers): Headers {
  const outgoing = new Headers();
  const named = namedByConnection(incoming);
  for (const [name, value] of incoming) {
    const plain = normal(name);
    if (HOP_BY_HOP.has(plain) || named.has(plain) || NOT_HANDED_ON.has(plain) || plain.startsWith("x-shield-"))
      continue;
    if (name === "set-cookie" && isOwnCookie(value)) continue;
    outgoing.append(name, value);
  }
  return outgoing;
}

const namedByConnection = (headers: Headers): Set<string> =>
  new Set((headers.get("connection") ?? "").split(",").map((name) => normal(name.trim())));
