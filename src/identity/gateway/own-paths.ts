// The first segments of the product's own paths, those of surfaces to come among them (a test holds src/app.ts against them). No route
// may begin with one, so that nobody can put a target in front of a surface of ours.
const OWN = new Set([
  ...[
    "api",
    "mobile",
    "flussonic",
    "rtmp",
    "mediamtx",
    "asterisk",
    "indoor",
    "local",
    "z5rweb",
    "bill",
    "v2",
    "v3",
    "sms",
    "gateway",
  ],
  ...["connect.json", "provisioning", "shield", "ops", "operations", "hooks", "health", "openapi.json", "docs", "i"],
  ...[".well-known", "cdn-cgi", "favicon.ico", "robots.txt"],
]);

/** Whether paths that begin with this segment are the product's own, in whatever case. The root itself is too. */
export const isOwn = (segment: string): boolean =>
  segment === "" || OWN.has(segment.toLowerCase()) || /^(seeds|seeders|connect)/i.test(segment);

/** Surfaces that answer to a customer's or a client's own token, so that a route may lead there. */
export const isLendable = (segment: string): boolean => ["shield", "provisioning"].includes(segment);
