import { fail } from "#operator/error-catalogue.ts";

/** `dom_1:118` taken apart. Throws `validation_failed` for what is none. */
export function versionIn(text: string | undefined): { domain: string; version: number } | undefined {
  if (text === undefined) return undefined;
  const match = /^([\w-]{1,64}):(\d{1,15})$/.exec(text);
  if (!match)
    throw fail("validation_failed", { extra: { errors: [{ pointer: "/context/min_version", code: "format" }] } });
  return { domain: match[1]!, version: Number(match[2]) };
}

export const versionText = (domain: string, version: number): string => `${domain}:${version}`;
