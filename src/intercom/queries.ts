import { and, asc, eq, gt, or } from "drizzle-orm";
import type { Db } from "#platform/db.ts";
import { devices } from "#premises/tables.ts";

const sip = {
  uuid: devices.uuid,
  domophoneid: devices.domophoneid,
  monitorid: devices.monitorid,
  secrets: devices.secrets,
};

/** The active panel or monitor of this number. */
export function sipDevice(db: Db, operator: string, number: { domophoneid: number } | { monitorid: number }) {
  const isIt =
    "domophoneid" in number ? eq(devices.domophoneid, number.domophoneid) : eq(devices.monitorid, number.monitorid);
  return db
    .select(sip)
    .from(devices)
    .where(and(eq(devices.operator, operator), isIt, eq(devices.isActive, true)))
    .get();
}

/** Every active panel and monitor. */
export function sipDevices(db: Db, operator: string) {
  return db
    .select(sip)
    .from(devices)
    .where(
      and(
        eq(devices.operator, operator),
        or(gt(devices.domophoneid, 0), gt(devices.monitorid, 0)),
        eq(devices.isActive, true),
      ),
    )
    .orderBy(asc(devices.deviceId))
    .all();
}
