import * as z from "zod";

/**
 * What it takes to use a media server that asks no callout: of Nimble the WMSAuth key and, for archives, where its management
 * API is; of the others the query with login and password (or token) that the apps append. In the database it is sealed text.
 */
const NimbleSecret = z.object({
  key: z.string().min(1).max(256),
  /** Base URL of the management API, which tells what is recorded and exports it. */
  management_url: z
    .url({ protocol: /^https?$/ })
    .max(1024)
    .optional(),
  management_token: z.string().max(256).optional(),
});
export type NimbleSecret = z.output<typeof NimbleSecret>;

/** A secret as it is entered: text, or Nimble's fields; kept as text. */
export const MediaSecret = z.union([z.string().max(2048), NimbleSecret.transform((fields) => JSON.stringify(fields))]);

/** Nimble's fields in a kept secret; a bare text is the key. */
export function nimbleSecret(kept: string): NimbleSecret {
  try {
    const fields = NimbleSecret.safeParse(JSON.parse(kept));
    return fields.success ? fields.data : { key: kept };
  } catch {
    return { key: kept };
  }
}

/** The secret as it was entered. */
export function enteredSecret(kept: string | null): string | NimbleSecret | null {
  if (!kept?.startsWith("{")) return kept;
  const fields = nimbleSecret(kept);
  return fields.key === kept ? kept : fields;
}
