// Who answers under which SIP number (docs/contracts.md, "PBX and panels").

const [PANELS, MONITORS] = [100_000, 4_000_000_000];

/** A door panel by its domophoneid, an indoor monitor by its monitorid, a phone for the time of one call. */
export type Subscriber = { domophoneid: number } | { monitorid: number } | { extension: string };

/** Whose number it is; undefined when it is nobody's. What stands behind an `@` is not looked at. */
export function subscriberOf(number: string): Subscriber | undefined {
  const [extension = ""] = number.trim().split("@");
  if (/^1\d{5}$/.test(extension)) return { domophoneid: Number(extension) - PANELS };
  if (/^4\d{9}$/.test(extension)) return { monitorid: Number(extension) - MONITORS };
  if (/^2\d{9}$/.test(extension)) return { extension };
  return undefined;
}

/** The numbers of a device: none, one, or both where it is a panel and a monitor. What does not fit into the plan has none. */
export function numbersOf({
  domophoneid,
  monitorid,
}: {
  domophoneid: number | null;
  monitorid: number | null;
}): string[] {
  return [
    ...(domophoneid && domophoneid < PANELS ? [String(PANELS + domophoneid)] : []),
    ...(monitorid && monitorid < 1_000_000_000 ? [String(MONITORS + monitorid)] : []),
  ];
}
