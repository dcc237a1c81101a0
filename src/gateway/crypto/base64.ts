import { Buffer } from "node:buffer";

/**
 * The bytes of a text in standard base64. Characters outside the alphabet are skipped, because clients wrap at 76 columns or put
 * spaces where the lines end. undefined when the padding is missing or stands in the middle.
 */
export function bytesOfBase64(text: string): Buffer | undefined {
  const characters = text.replace(/[^A-Za-z0-9+/=]/g, "");
  if (characters.length % 4 !== 0 || !/^[^=]*={0,2}$/.test(characters)) return undefined;
  return Buffer.from(characters, "base64");
}
