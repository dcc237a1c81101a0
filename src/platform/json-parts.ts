/** D1 refuses texts above two megabytes, be it as a parameter; letters may take three bytes each. */
const MAX_LETTERS = 600_000;

/** A list as JSON for `json_each`, in as many parts as its size takes. An empty list is one part. */
export function jsonParts(list: readonly object[], maxLetters = MAX_LETTERS): string[] {
  const parts: string[][] = [[]];
  let letters = 0;
  for (const item of list) {
    const text = JSON.stringify(item);
    if (letters + text.length > maxLetters && parts.at(-1)!.length > 0) {
      parts.push([]);
      letters = 0;
    }
    letters += text.length + 1;
    parts.at(-1)!.push(text);
  }
  return parts.map((texts) => `[${texts.join(",")}]`);
}
