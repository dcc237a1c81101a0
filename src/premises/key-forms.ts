/** Readers leave out or add zeros, on the side of the higher bytes: from three bytes up to eight the usual lengths are all in use. */
const [SHORTEST, LONGEST] = [3, 8];

/** The ways in which a key that a reader shows may have been entered, in hex. */
export interface KeyForms {
  /** Of any usual length. */
  straight: string[];
  /** With the bytes in the reverse order: those may be somebody else's key, which is then the one that is meant. */
  reversed: string[];
}

/** The forms of a key; none for what is no key. */
export function keyForms(card: string): KeyForms {
  const hex = card.replace(/[\s:-]/g, "").toLowerCase();
  if (!/^(?:[0-9a-f]{2}){3,16}$/.test(hex) || /^0+$/.test(hex)) return { straight: [], reversed: [] };
  // Controllers show six bytes; what follows them is not of the card.
  const straight = [...new Set([hex, hex.slice(0, 12)].flatMap(lengthsOf))];
  const reversed = straight.map((form) => form.match(/../g)!.toReversed().join(""));
  return { straight, reversed: reversed.filter((form) => !straight.includes(form)) };
}

/** The number with fewer or more zeros in front, byte by byte, as long as it is the same number. */
function lengthsOf(hex: string): string[] {
  const bytes = hex.replace(/^(?:00)+/, "");
  const forms = [hex];
  for (let length = Math.max(SHORTEST, bytes.length / 2); length <= LONGEST; length++)
    forms.push(bytes.padStart(length * 2, "0"));
  return forms;
}
