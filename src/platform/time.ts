// The apps read and write local times of the operator's zone, without saying which zone that is
// (docs/contracts.md, "The apps"). Inside, a time is a Date; only these functions know the zone.

const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      hourCycle: "h23",
      era: "short",
      ...{ year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit" },
    } as Intl.DateTimeFormatOptions);
    formats.set(zone, format);
  }
  return format;
}

/** `YYYY-MM-DD HH:mm:ss` in the zone. */
export function localText(at: Date, zone: string): string {
  const part = Object.fromEntries(
    formatOf(zone)
      .formatToParts(at)
      .map(({ type, value }) => [type, value]),
  );
  const year = part.era?.startsWith("B") ? "0001" : part.year!.padStart(4, "0");
  return `${year}-${part.month}-${part.day} ${part.hour}:${part.minute}:${part.second}`;
}

/**
 * The instant of a local `YYYY-MM-DD HH:mm:ss` or `YYYY-MM-DD`; undefined when it is not one. Takes the
 * year 0001 that iOS sends for "long ago". A time that the zone skips is moved on by the gap; of a
 * time that comes twice the first is meant.
 */
export function instantOf(text: string, zone: string): Date | undefined {
  const match = /^(\d{4})-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text.trim());
  if (!match) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1)
    .map((digits) => Number(digits ?? 0));
  const asUtc = new Date(0);
  asUtc.setUTCFullYear(year, month - 1, day);
  asUtc.setUTCHours(hour, minute, second, 0);
  if (
    asUtc.getUTCMonth() !== month - 1 ||
    asUtc.getUTCDate() !== day ||
    asUtc.getUTCHours() !== hour ||
    minute > 59 ||
    second > 59
  ) {
    return undefined;
  }
  const before = asUtc.getTime() - offset(new Date(asUtc.getTime() - 86_400_000), zone);
  const after = asUtc.getTime() - offset(new Date(asUtc.getTime() + 86_400_000), zone);
  const fits = [before, after].filter((ms) => ms + offset(new Date(ms), zone) === asUtc.getTime());
  return new Date(fits.length > 0 ? Math.min(...fits) : before);
}

/** From the first instant of a year in the zone until the first of the next one. */
export const yearIn = (year: number, zone: string): { from: Date; until: Date } => ({
  from: instantOf(`${year}-01-01`, zone)!,
  until: instantOf(`${year + 1}-01-01`, zone)!,
});

/** Milliseconds by which the zone's clock is ahead of UTC at that instant. */
function offset(at: Date, zone: string): number {
  const [date = "", time = ""] = localText(at, zone).split(" ");
  const local = new Date(0);
  const [year = 0, month = 0, day = 0] = date.split("-").map(Number);
  local.setUTCFullYear(year, month - 1, day);
  const [hour = 0, minute = 0, second = 0] = time.split(":").map(Number);
  local.setUTCHours(hour, minute, second);
  return local.getTime() - Math.floor(at.getTime() / 1000) * 1000;
}
