/** What res_pjsip reads of one SIP account, name by name, in the order in which it is written. */
export type SipObject = Record<string, string>;

/** The three kinds of objects, as the paths call them. */
export const KINDS = ["aors", "auths", "endpoints"] as const;
export type Kind = (typeof KINDS)[number];

export interface SipAccount {
  /** The SIP number. */
  id: string;
  /** Without one there is nothing to sign in with, and no auth object. */
  password: string | null;
  /** A phone for the time of one call: behind a NAT, and gone before a registration could run out. */
  isMobile: boolean;
}

/** The account's object of this kind, or undefined when it has none. */
export function objectOf(kind: Kind, account: SipAccount): SipObject | undefined {
  if (kind === "aors") return aor(account);
  return kind === "auths" ? auth(account) : endpoint(account);
}

const aor = ({ id, isMobile }: SipAccount): SipObject => ({
  ...{ id, max_contacts: "1", remove_existing: "yes" },
  ...(!isMobile && { default_expiration: "600", maximum_expiration: "720" }),
});

const auth = ({ id, password }: SipAccount): SipObject | undefined =>
  password ? { id, username: id, auth_type: "userpass", password } : undefined;

function endpoint({ id, isMobile }: SipAccount): SipObject {
  const behindNat = isMobile ? "yes" : "no";
  return {
    ...{ id, auth: id, outbound_auth: id, aors: id, callerid: id, context: "default" },
    ...{ disallow: "all", allow: "alaw,h264", rtp_symmetric: behindNat, force_rport: behindNat },
    ...{ rewrite_contact: "yes", timers: "no", direct_media: "no", allow_subscribe: "yes" },
    ...{ dtmf_mode: "rfc4733", ice_support: behindNat },
  };
}

/** One object as res_config_curl reads it: URL-encoded pairs in one line. */
export const lineOf = (object: SipObject): string =>
  Object.entries(object)
    .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
    .join("&");

/**
 * Whether the object is what a form asks for. Asterisk names fields, each with an operator behind a space: `id LIKE`
 * with `%`, `qualify_frequency >` with `0`, `mailboxes !=` with nothing. An object without such a field is not meant.
 */
export const isAskedFor = (object: SipObject, form: URLSearchParams): boolean =>
  [...form].every(([condition, wanted]) => {
    const [name = "", operator = "="] = condition.trim().split(/\s+/);
    const value = object[name];
    return value !== undefined && holds(value, operator.toUpperCase(), wanted);
  });

function holds(value: string, operator: string, wanted: string): boolean {
  if (operator === "LIKE") return patternOf(wanted).test(value);
  if (operator === "!=" || operator === "<>") return value !== wanted;
  if (operator === ">") return Number(value) > Number(wanted);
  if (operator === "<") return Number(value) < Number(wanted);
  return value === wanted;
}

/** An SQL pattern: `%` for anything, `_` for one character, a backslash before what stands for itself. */
const patternOf = (like: string): RegExp =>
  new RegExp(
    `^${like.slice(0, 200).replace(/\\(.)|%+|_|[^\\%_]/gs, (token, literal?: string) => {
      if (token.startsWith("%")) return ".*";
      if (token === "_") return ".";
      return (literal ?? token).replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
    })}$`,
    "su",
  );
