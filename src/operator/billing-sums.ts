import * as z from "zod";
import { kopecksOf } from "#platform/money.ts";

// Sums as billings write them: roubles, as numbers or as texts, with parts of a kopeck if they like.

/** A sum in kopecks. What is no sum makes the whole answer senseless: a wrong 0 would be worse than none. */
export const Sum = z.union([z.number(), z.string()]).transform((sum, context) => {
  const kopecks = nearest(sum);
  if (kopecks !== undefined) return kopecks;
  context.issues.push({ code: "custom", message: "is no sum", input: undefined });
  return z.NEVER;
});

/** The same where a billing may leave it out or empty: then it is 0. */
export const SumOrNothing = z
  .union([z.literal("").transform(() => 0), Sum])
  .nullish()
  .transform((sum) => sum ?? 0);

const FRACTION = /^-?\d{1,13}\.\d{3,}$/;

function nearest(sum: number | string): number | undefined {
  const isFine = typeof sum === "number" || FRACTION.test(sum.trim());
  return kopecksOf(isFine ? Number(sum).toFixed(2) : sum);
}
