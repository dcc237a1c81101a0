// A path that two readers may read differently is the way around every check: the gateway checks one resource and the target
// serves another. So a path is either plain, and then forwarded in one spelling, or nobody's.

/** What some server would decode once more, cut off, trim, or take for a separator. */
const AMBIGUOUS = /[/\\;\p{Cc}]|%[0-9a-f]{2}|^\s|\s$/iu;

/**
 * The decoded segments of a URL's path, after the parser has resolved its dots; `/a/` ends with an empty one. Undefined for what
 * is not plain: double slashes, encoded slashes and dots, path parameters (`;`), escapes in escapes, broken UTF-8.
 */
export function segmentsOf(pathname: string): string[] | undefined {
  const segments: string[] = [];
  const raw = pathname.slice(1).split("/");
  for (const [i, text] of raw.entries()) {
    const segment = decoded(text);
    if (segment === undefined || AMBIGUOUS.test(segment) || segment === "." || segment === "..") return undefined;
    if (segment === "" && i < raw.length - 1) return undefined;
    segments.push(segment);
  }
  return segments;
}

/** The one spelling in which segments are forwarded (RFC 3986 §6.2.2): nothing is escaped that need not be. */
export const pathOf = (segments: readonly string[]): string => segments.map((each) => `/${encoded(each)}`).join("");

const encoded = (segment: string): string =>
  encodeURIComponent(segment).replace(/%(?:24|26|2B|2C|3A|3D|40)/g, decodeURIComponent);

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
