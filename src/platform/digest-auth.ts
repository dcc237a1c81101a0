import { createHash, randomBytes } from "node:crypto";

/** No challenge is longer, and looking through an endless one would cost seconds. */
const MAX_CHALLENGE = 2048;

interface Call {
  method: string;
  url: URL;
  user: string;
  password: string;
}

/**
 * The Authorization header that answers a Digest challenge (RFC 7616; MD5 and SHA-256, `qop=auth` or the
 * older form without qop). Undefined when the challenge is not one that we can answer.
 */
export function digestAuthorization(challenge: string, { method, url, user, password }: Call): string | undefined {
  const fields = fieldsOf(challenge);
  const algorithm = (fields?.algorithm ?? "MD5").toUpperCase();
  const hash = { MD5: "md5", "SHA-256": "sha256" }[algorithm];
  if (!fields?.realm || !fields.nonce || !hash) return undefined;
  const qops = fields.qop?.split(",").map((qop) => qop.trim());
  if (qops && !qops.includes("auth")) return undefined;

  const digest = (...parts: string[]) => createHash(hash).update(parts.join(":")).digest("hex");
  const uri = url.pathname + url.search;
  const secret = digest(user, fields.realm, password);
  const request = digest(method.toUpperCase(), uri);
  const [nc, cnonce] = ["00000001", randomBytes(8).toString("hex")];
  const response = qops
    ? digest(secret, fields.nonce, nc, cnonce, "auth", request)
    : digest(secret, fields.nonce, request);

  const answer = [
    quoted("username", user),
    quoted("realm", fields.realm),
    quoted("nonce", fields.nonce),
    quoted("uri", uri),
  ];
  answer.push(quoted("response", response), `algorithm=${algorithm}`);
  if (fields.opaque) answer.push(quoted("opaque", fields.opaque));
  if (qops) answer.push("qop=auth", `nc=${nc}`, quoted("cnonce", cnonce));
  return `Digest ${answer.join(", ")}`;
}

const quoted = (name: string, value: string) => `${name}="${value.replace(/["\\]/g, "\\$&")}"`;

/** The parameters of the Digest challenge in a WWW-Authenticate header, which may hold other schemes before it. */
function fieldsOf(header: string): Record<string, string | undefined> | undefined {
  if (header.length > MAX_CHALLENGE) return undefined;
  const start = /(?:^|,\s*)Digest\s+/i.exec(header);
  if (!start) return undefined;
  const pairs = header.slice(start.index + start[0].length).matchAll(/(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))/g);
  return Object.fromEntries(
    [...pairs].map(([, name, text, token]) => [name!.toLowerCase(), token ?? text!.replace(/\\(.)/g, "$1")]),
  );
}
