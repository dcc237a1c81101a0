/**
 * JSON as the old servers wrote it, for readers and signatures that know it byte by byte: a space after each comma and colon,
 * and nothing outside ASCII.
 */
export function spacedJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(spacedJson).join(", ")}]`;
  if (typeof value !== "object" || value === null) return ascii(JSON.stringify(value) ?? "null");
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members.map(([name, member]) => `${spacedJson(name)}: ${spacedJson(member)}`).join(", ")}}`;
}

const ascii = (json: string): string =>
  json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
