import * as z from "zod";

// Numbers and switches as billing systems write them.

const Whole = z.union([
  z.int(),
  z
    .string()
    .regex(/^\s*\d{1,15}\s*$/)
    .transform(Number),
]);

/** Far beyond any real number, and far from where counting on would lose precision. */
const MAX_ID = 1e12;

export const Id = Whole.pipe(z.int().min(1).max(MAX_ID));

/** A contract, or 0 for everybody. */
export const Uid = Whole.pipe(z.int().min(0).max(MAX_ID));

/** One id or a list of them; each counts once. */
export const Ids = z
  .union([Id, z.array(Id).min(1).max(10_000)])
  .transform((value) => [...new Set(typeof value === "number" ? [value] : value)]);

export const Flag = z.union([
  z.boolean(),
  z.union([z.number(), z.string()]).transform((value) => /^(?:yes|true|t|1)$/i.test(String(value))),
]);

export const Count = Whole.pipe(z.int().min(0).max(Number.MAX_SAFE_INTEGER));

export const Text = z.union([z.string(), z.number()]).transform(String).pipe(z.string().max(1024));

/** A coordinate, kept as the decimal text that it came as. */
export const degrees = (limit: number) =>
  z
    .union([z.string(), z.number()])
    .transform((value) => String(value).trim())
    .pipe(
      z
        .string()
        .regex(/^-?\d{1,3}(?:\.\d{1,20})?$/)
        .refine((text) => Math.abs(Number(text)) <= limit),
    );

/** Null, or an empty text, for "not used"; left out for "as it was". */
export const optional = <S extends z.ZodType>(schema: S) =>
  z.union([z.literal("").transform(() => null), schema, z.null()]).optional();

/** A number that stands in a text column, as the contract wants it back; other texts stay texts. */
export const numeric = (text: string | null): number | string | null =>
  text !== null && /^(?:0|[1-9]\d{0,14})$/.test(text) ? Number(text) : text;
