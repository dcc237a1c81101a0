// Money is a whole number of kopecks everywhere inside; only what comes in and goes out is in roubles. Nothing here
// multiplies or divides a fraction: a sum is cut and joined as text.

/** `650.00`: how banks read a sum. */
export function roublesText(kopecks: number): string {
  const digits = String(Math.abs(kopecks)).padStart(3, "0");
  return `${kopecks < 0 ? "-" : ""}${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

/** A sum as a JSON number of roubles: the nearest one there is, which prints as the sum. */
export const roubles = (kopecks: number): number => Number(roublesText(kopecks));

const SUM = /^(-?)(\d{1,13})(?:\.(\d{1,2})0*)?$/;

/** Apps reckon with fractions: `0.1 + 0.2`, or 19.99 × 100 = 1998.9999999999998. What is this near to a sum means the sum. */
const NOISE = 1e-6;

/** Kopecks of a sum in roubles, written or as a JSON number; undefined when it is none, or has parts of a kopeck. */
export function kopecksOf(sum: string | number): number | undefined {
  const text = typeof sum === "number" ? withoutNoise(sum) : sum.trim();
  const [match, sign, whole = "", part = ""] = SUM.exec(text) ?? [];
  if (match === undefined) return undefined;
  const kopecks = Number(whole + part.padEnd(2, "0"));
  return sign && kopecks > 0 ? -kopecks : kopecks;
}

function withoutNoise(sum: number): string {
  const text = sum.toFixed(2);
  return Math.abs(Number(text) - sum) < NOISE ? text : String(sum);
}

/** A number of kopecks that an app has reckoned; undefined where it is no whole number, noise aside. */
export function wholeKopecks(sum: string | number): number | undefined {
  const text = String(sum).trim();
  if (!/^\d{1,12}(?:\.\d{1,20})?$/.test(text)) return undefined;
  const whole = Math.round(Number(text));
  return Math.abs(whole - Number(text)) < NOISE ? whole : undefined;
}
