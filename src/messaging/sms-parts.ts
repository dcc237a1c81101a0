/** How a text goes on the air: as GSM 03.38 septets, or as UTF-16 when one character is not in that alphabet. */
export type Coding = "gsm7" | "ucs2";

export interface SmsShape {
  coding: Coding;
  /** SMS that the receiver's phone joins to one text; each is billed. */
  parts: number;
}

// 3GPP TS 23.038 §6.2.1: the default alphabet, and the extension table, whose characters take an escape and a septet.
const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà",
);
const EXTENSION = new Set("\f^{}\\[~]|€");

/** Units that fit into a lone SMS, and into one of several, where a header of six bytes takes its share. */
const CAPACITY: Record<Coding, { alone: number; joined: number }> = {
  gsm7: { alone: 160, joined: 153 },
  ucs2: { alone: 70, joined: 67 },
};

/** The coding and the number of parts of a text. An empty text is still one SMS. */
export function smsShape(text: string): SmsShape {
  const characters = [...text];
  const coding = characters.every((character) => BASIC.has(character) || EXTENSION.has(character)) ? "gsm7" : "ucs2";
  const sizes = characters.map((character) => sizeOf(character, coding));
  return { coding, parts: partsOf(sizes, CAPACITY[coding]) };
}

function sizeOf(character: string, coding: Coding): number {
  if (coding === "ucs2") return character.length;
  return EXTENSION.has(character) ? 2 : 1;
}

// A character of two units that does not fit whole begins the next part: half of one would be shown as two wrong ones.
function partsOf(sizes: number[], { alone, joined }: { alone: number; joined: number }): number {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= alone) return 1;

  let parts = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > joined) {
      parts++;
      used = 0;
    }
    used += size;
  }
  return parts;
}
