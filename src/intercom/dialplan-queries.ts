import { and, desc, eq, inArray, sql } from "drizzle-orm";
import { isFlat } from "#operator/house-queries.ts";
import { contractDeviceStates, contracts } from "#operator/tables.ts";
import { compared, type Db } from "#platform/db.ts";
import { isContractOfRight, isStateOfRight, serviceState } from "#premises/state-queries.ts";
import { devices, rights } from "#premises/tables.ts";

/** How a panel is named: by its number, as the PBX knows it, or by its stream. */
export type PanelName = { domophoneid: number } | { uuid: string };

const isPanel = (operator: string, name: PanelName) =>
  and(
    eq(devices.operator, operator),
    "uuid" in name ? eq(devices.uuid, name.uuid) : eq(devices.domophoneid, name.domophoneid),
    eq(devices.isActive, true),
    inArray(devices.type, [1, 2, 3]),
  );

/**
 * An active panel, with the camera that looks at whoever stands there, and the lock that lets them in. `+d.id`, or SQLite walks
 * through all doors in their order instead of looking the device up.
 */
export function panelBy(db: Db, operator: string, name: PanelName) {
  return db
    .select({
      deviceId: devices.deviceId,
      uuid: devices.uuid,
      type: devices.type,
      title: devices.title,
      panelip: devices.panelip,
      dtmf: devices.dtmf,
      domophoneid: devices.domophoneid,
      cameraId: sql<number | null>`iif(${devices.type} = 3,
        (SELECT d.cam FROM doors AS d WHERE d.device_id = devices.device_id ORDER BY +d.id LIMIT 1), ${devices.deviceId})`,
      lockId: sql<number | null>`iif(${devices.type} = 3, ${devices.deviceId},
        (SELECT d.device_id FROM doors AS d WHERE d.cam = devices.device_id ORDER BY +d.id LIMIT 1))`,
    })
    .from(devices)
    .where(isPanel(operator, name))
    .limit(1);
}

/** The contracts with a right to this panel. */
export function contractsAtPanel(db: Db, operator: string, domophoneid: number) {
  return db
    .select({ uid: rights.uid })
    .from(devices)
    .innerJoin(rights, and(eq(compared(rights.operator), operator), eq(rights.deviceId, devices.deviceId)))
    .where(isPanel(operator, { domophoneid }));
}

/** The one of them that has this flat; of several the one that stands best, and of those the youngest. */
export function contractAtFlat(db: Db, operator: string, domophoneid: number, flat: string) {
  return db
    .select({ uid: contracts.uid })
    .from(devices)
    .innerJoin(rights, and(eq(compared(rights.operator), operator), eq(rights.deviceId, devices.deviceId)))
    .innerJoin(contracts, and(eq(contracts.operator, operator), eq(contracts.uid, rights.uid)))
    .where(and(isPanel(operator, { domophoneid }), isFlat(flat)))
    .orderBy(desc(contracts.state), desc(contracts.uid))
    .limit(1);
}

/** What a contract has on its walls, switched on, with the service state; null where only a remote billing knows it. */
export function devicesOfContract(db: Db, operator: string, uid: number) {
  return db
    .select({
      deviceId: rights.deviceId,
      type: devices.type,
      monitorid: devices.monitorid,
      state: serviceState,
    })
    .from(rights)
    .innerJoin(devices, and(eq(devices.deviceId, rights.deviceId), eq(devices.isActive, true)))
    .leftJoin(contracts, isContractOfRight(operator))
    .leftJoin(contractDeviceStates, isStateOfRight(operator))
    .where(and(eq(rights.operator, operator), eq(rights.uid, uid)));
}
