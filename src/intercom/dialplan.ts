import { type Env, settings } from "#env.ts";
import { contractOfFlat, flatNumber } from "#operator/billing-houses.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { takeCallPicture } from "#premises/log/call-pictures.ts";
import { homesBy } from "#premises/queries.ts";
import type { Home } from "#premises/tables.ts";
import { contractAtFlat, contractsAtPanel, devicesOfContract, panelBy } from "./dialplan-queries.ts";
import { type HeldDevice, withStates } from "./held-devices.ts";

// What a dialplan asks while a panel calls a flat. Each is one trip to D1, and one question to a remote billing.

/** A panel that calls. */
export interface Panel {
  deviceId: number;
  uuid: string;
  type: number;
  title: string;
  panelip: string | null;
  dtmf: string | null;
  /** The camera that looks at whoever stands there, and the lock that lets them in. */
  cameraId: number | null;
  lockId: number | null;
}

/** What to do with a call to a flat. */
export interface Verdict {
  panel: Panel;
  /** The service is not there or not paid for; then nothing else counts. */
  isRefused: boolean;
  /** The flat does not want calls. */
  isUnwanted: boolean;
  /** The door opens by itself: for guests that are expected, or because somebody has just come home. */
  opensForGuests: boolean;
  opensForHome: boolean;
  /** The monitors in the flat, by monitorid. */
  monitors: number[];
}

/** The contract of a flat behind a panel; undefined where there is none. */
export async function contractBehind(env: Env, domophoneid: number, flat: string): Promise<number | undefined> {
  const [db, { OPERATOR, BILLING }] = [database(env), settings(env)];
  const number = flatNumber(flat);
  if (BILLING === "local") return (await contractAtFlat(db, OPERATOR, domophoneid, number)).at(0)?.uid;
  const uids = await contractsAtPanel(db, OPERATOR, domophoneid);
  return contractOfFlat(
    env,
    uids.map(({ uid }) => uid),
    number,
  );
}

/** The active panel of this number. Throws `not_found`. */
export async function panelNumber(env: Env, domophoneid: number): Promise<Panel> {
  return demandPanel(await panelBy(database(env), settings(env).OPERATOR, { domophoneid }));
}

/** Whether a call from this panel may ring in that flat, and how. Throws `not_found` for an unknown panel. */
export async function judgeCall(env: Env, domophoneid: number, uid: number, now = new Date()): Promise<Verdict> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [panels, rows, homes] = await db.batch([
    panelBy(db, OPERATOR, { domophoneid }),
    devicesOfContract(db, OPERATOR, uid),
    homesBy(db, OPERATOR, { uids: [uid] }),
  ]);
  const panel = demandPanel(panels);
  const held = await withStates(env, uid, rows);
  const isRefused = !held.some(({ deviceId, state }) => deviceId === panel.deviceId && state === 2);
  if (isRefused) return { panel, isRefused, ...NOTHING };
  return { panel, isRefused, ...wishesOf(homes.at(0), now), monitors: monitorsAmong(held) };
}

/** What a contract alone says about calls, whatever panel they come from. */
export async function judgeContract(env: Env, uid: number, now = new Date()) {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [rows, homes] = await db.batch([devicesOfContract(db, OPERATOR, uid), homesBy(db, OPERATOR, { uids: [uid] })]);
  const held = await withStates(env, uid, rows);
  return { isRefused: !held.some(({ state }) => state === 2), ...wishesOf(homes.at(0), now) };
}

/** Takes the picture of whoever rings at this panel. Throws `not_found` for an unknown panel; a camera that is silent is no error. */
export async function pictureCaller(env: Env, { cameraId }: Panel): Promise<void> {
  if (cameraId !== null) await takeCallPicture(env, cameraId);
}

const NOTHING = { isUnwanted: false, opensForGuests: false, opensForHome: false, monitors: [] };

/** A flat that nobody has set up yet wants calls and opens for nobody. */
function wishesOf(home: Home | undefined, now: Date) {
  return {
    isUnwanted: home?.voip === false,
    opensForGuests: home !== undefined && home.autoOpenUntil >= now,
    opensForHome: home !== undefined && home.whiteRabbit > 0 && home.whiteRabbitUntil >= now,
  };
}

const monitorsAmong = (held: readonly HeldDevice[]): number[] =>
  held.flatMap(({ type, monitorid, state }) => (type === 5 && monitorid && state === 2 ? [monitorid] : []));

function demandPanel(found: readonly Panel[]): Panel {
  const [panel] = found;
  if (!panel) throw new AppError("not_found", "There is no such panel");
  return panel;
}
