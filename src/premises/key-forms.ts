/** Bytes that readers leave out or fill up with zeros, on the side of the higher ones. */
const SHORTEST = 3;

/**
 * All the ways in which the key that a reader shows may have been entered, in hex: without the zeros in front, filled up to
 * any usual length, and with its bytes in the reverse order. Nothing for what is no key.
 */
export function keyForms(card: string): string[] {
  const hex = card.replace(/[\s:-]/g, "").toLowerCase();
  if (!/^(?:[0-9a-f]{2}){3,16}$/.test(hex) || /^0+$/.test(hex)) return [];
  // Controllers show six bytes; what follows them is not of the card.
  const shown = new Set([hex, hex.slice(0, 12)]);
  const forms = [...shown].flatMap(lengthsOf);
  return [...new Set([...forms, ...forms.map(reversed)])];
}

/** The number with fewer zeros in front, byte by byte, as long as it is the same number. */
function lengthsOf(hex: string): string[] {
  const forms = [hex];
  for (let rest = hex; rest.startsWith("00") && rest.length > SHORTEST * 2; ) {
    rest = rest.slice(2);
    forms.push(rest);
  }
  return forms;
}

const reversed = (hex: string): string => hex.match(/../g)!.toReversed().join("");
