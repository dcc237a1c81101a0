import * as z from "zod";
import { parseKeyring } from "./crypto.ts";

// Kinds of settings, as people write them: everything comes as text.

export const number = (min: number, max: number, preset: number) =>
  z.coerce.number().int().min(min).max(max).default(preset);
export const optional = z.string().min(1).optional();
export const url = z.url({ protocol: /^https?$/ });
export const baseUrl = url.transform((text) => text.replace(/\/+$/, ""));
export const list = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter(Boolean),
  );
export const parsed = (preset: string) =>
  z
    .string()
    .default(preset)
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.issues.push({ code: "custom", message: "is not JSON", input: text });
        return z.NEVER;
      }
    });
export const json = <S extends z.ZodType>(schema: S) => parsed("{}").pipe(schema);
/** The same for what holds a secret, of which a complaint must not quote anything. */
export const secretJson = <S extends z.ZodType>(schema: S) =>
  z
    .string()
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.issues.push({ code: "custom", message: "is not JSON", input: "(hidden)" });
        return z.NEVER;
      }
    })
    .pipe(schema);
/** A PEM of a private key; where it must stand in one line, `\\n` is the end of one. */
export const pem = z
  .string()
  .transform((text) => text.replaceAll("\\n", "\n").trim())
  .refine((text) => /^-----BEGIN (RSA )?PRIVATE KEY-----/.test(text), { error: "is not the PEM of a private key" });
export const keyring = z.string().transform((text, context) => {
  try {
    return parseKeyring(text);
  } catch (error) {
    context.issues.push({ code: "custom", message: String(error), input: "(hidden)" });
    return z.NEVER;
  }
});
export const seconds = z
  .string()
  .regex(/^\d+(,\d+)*$/)
  .transform((text) => text.split(",").map(Number));
export const isZone = (zone: string) => {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
};
