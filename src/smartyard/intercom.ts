import * as z from "zod";
import { AppError } from "#platform/errors.ts";
import type { Role } from "#premises/guests/roles.ts";
import type { Home } from "#premises/tables.ts";
import { Flag, flag, Switch } from "./wire.ts";

// The intercom screen: names and values as docs/contracts.md, "The apps" has them.

/** Minutes for which a key opens the neighbours' doors too; iOS refuses any other value. */
const WHITE_RABBIT = ["0", "1", "2", "3", "5", "7", "10"] as const;

/** What an app may change; each one sends only what has changed. */
export const IntercomSettings = z.object({
  CMS: Switch.nullish(),
  VoIP: Switch.nullish(),
  autoOpen: z.string().max(32).nullish(),
  whiteRabbit: z
    .union([z.string(), z.number().transform(String)])
    .pipe(z.enum(WHITE_RABBIT))
    .nullish(),
  FRSDisabled: Switch.nullish(),
  enableDoorCode: Switch.nullish(),
  paperBill: Switch.nullish(),
  disablePlog: Switch.nullish(),
  hiddenPlog: Switch.nullish(),
});

export const IntercomView = z.object({
  allowDoorCode: Flag,
  doorCode: z.string().optional(),
  CMS: Flag,
  VoIP: Flag,
  autoOpen: z.string(),
  whiteRabbit: z.enum(WHITE_RABBIT),
  FRSDisabled: Flag,
  paperBill: Flag.optional(),
  disablePlog: Flag.optional(),
  hiddenPlog: Flag.optional(),
});

type Change = Partial<Omit<Home, "operator" | "uid">>;

/** The columns that a request changes. `parse` knows the zone of the apps' dates. */
export function changeOf(wanted: z.output<typeof IntercomSettings>, parse: (text: string) => Date | undefined): Change {
  const change: Change = {
    ...on("cms", wanted.CMS),
    ...on("voip", wanted.VoIP),
    ...on("frsOff", wanted.FRSDisabled),
    ...on("doorCodeOn", wanted.enableDoorCode),
    ...on("paperBill", wanted.paperBill),
    ...on("eventLogOff", wanted.disablePlog),
    ...on("eventLogHidden", wanted.hiddenPlog),
  };
  if (wanted.whiteRabbit) change.whiteRabbit = Number(wanted.whiteRabbit);
  if (wanted.autoOpen) {
    const until = parse(wanted.autoOpen);
    if (!until) throw new AppError("invalid", "autoOpen: not YYYY-MM-DD HH:MM:SS");
    change.autoOpenUntil = until;
  }
  return change;
}

const on = (column: keyof Change, value: boolean | null | undefined) =>
  typeof value === "boolean" ? { [column]: value } : {};

/** Controls that are only the owners' are left out for a guest: what is absent, the apps do not draw. */
export const intercomView = (
  home: Home & { role: Role },
  text: (at: Date) => string,
): z.input<typeof IntercomView> => ({
  allowDoorCode: flag(home.doorCodeOn),
  ...(home.doorCodeOn && { doorCode: home.doorCode }),
  CMS: flag(home.cms),
  VoIP: flag(home.voip),
  autoOpen: text(home.autoOpenUntil),
  whiteRabbit: String(home.whiteRabbit) as (typeof WHITE_RABBIT)[number],
  FRSDisabled: flag(home.frsOff),
  ...(home.role === "owner" && {
    paperBill: flag(home.paperBill),
    disablePlog: flag(home.eventLogOff),
    hiddenPlog: flag(home.eventLogHidden),
  }),
});
