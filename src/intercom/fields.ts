import * as z from "zod";

// Numbers and texts as dialplans and panels write them.

/** A whole number, as one or as digits. */
export const Id = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\s*\d{1,15}\s*$/)
      .transform(Number),
  ])
  .pipe(z.int().min(0).max(1e12));

/** A short text that may come as a number. */
export const Text = z.union([z.string(), z.number()]).transform(String).pipe(z.string().max(256));

/** The same where it may be missing. */
export const MaybeText = Text.nullish().transform((text) => text ?? undefined);
