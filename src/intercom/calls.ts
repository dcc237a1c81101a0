import { type Env, settings } from "#env.ts";
import { livingInstalls, type PhoneInstall, pushCall } from "#identity/installs/tell.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { demandPaid } from "#premises/cameras.ts";
import { phonesOfContract } from "#premises/guests/people.ts";
import { callPictureHash } from "#premises/log/call-pictures.ts";
import { homesBy } from "#premises/queries.ts";
import { devicesOfContract, panelBy } from "./dialplan-queries.ts";
import { withStates } from "./held-devices.ts";
import { makeExtension } from "./sip-accounts.ts";

/** How long the pictures of a call can be looked at, in ms. */
const PICTURES_MS = 180_000;

/** An app that a call may ring in. */
export interface CalledApp extends PhoneInstall {
  /** Whether the flat wants calls in apps. */
  voip: boolean;
}

/** The apps of the people behind a contract. None where nothing of it is connected and paid for. */
export async function appsToCall(env: Env, uid: number, now = new Date()): Promise<CalledApp[]> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [phones, [rows, homes]] = await Promise.all([
    phonesOfContract(env, uid, now),
    db.batch([devicesOfContract(db, OPERATOR, uid), homesBy(db, OPERATOR, { uids: [uid] })]),
  ]);
  const held = await withStates(env, uid, rows);
  if (!held.some(({ state }) => state === 2)) return [];
  const installs = await livingInstalls(env, phones, now);
  return installs.map((install) => ({ ...install, voip: homes.at(0)?.voip ?? true }));
}

/** One app that is to ring. */
export interface Ringing {
  uid: number;
  /** The app's push token: it must be one of the contract's people. */
  token: string;
  /** The panel, by the name of its stream. */
  deviceUuid: string;
  /** The number under which the app registers for this call, and its password. */
  extension: string;
  password: string;
  dtmf?: string | undefined;
  callerId?: string | undefined;
  flatNumber: string;
}

/**
 * Rings in one app: its extension is known to the PBX before the push leaves. Throws `not_found` for a panel or an app that is not
 * the contract's, `payment_required` for a panel that it has not paid for.
 */
export async function ring(env: Env, call: Ringing, now = new Date()): Promise<void> {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const { uid, extension, password } = call;
  const [phones, [panels, rows]] = await Promise.all([
    phonesOfContract(env, uid, now),
    db.batch([panelBy(db, OPERATOR, { uuid: call.deviceUuid }), devicesOfContract(db, OPERATOR, uid)]),
  ]);
  const panel = panels.at(0);
  const held = await withStates(
    env,
    uid,
    rows.filter(({ deviceId }) => deviceId === panel?.deviceId),
  );
  if (!panel || held.length === 0) throw new AppError("not_found", "The contract has no such panel");
  demandPaid(held);
  const installs = await livingInstalls(env, phones, now);
  const install = installs.find(({ token, voipToken }) => token === call.token || voipToken === call.token);
  if (!install) throw new AppError("not_found", "The contract has no such app");

  await makeExtension(env, extension, password);
  await pushCall(
    env,
    install,
    {
      ...{ extension, pass: password, uid, flatNumber: call.flatNumber, at: now },
      dtmf: call.dtmf ?? panel.dtmf ?? "",
      callerId: call.callerId || panel.title,
      domophoneId: panel.lockId ?? panel.deviceId,
      ...picturesOf(env, panel.cameraId, now),
    },
    now,
  );
}

/** The URLs of the caller's picture and of what the camera sees, and the hash that both are made of. */
function picturesOf(env: Env, cameraId: number | null, now: Date) {
  if (cameraId === null) return {};
  const hash = callPictureHash(env, cameraId, new Date(now.getTime() + PICTURES_MS), now);
  const base = `${settings(env).PUBLIC_URL}/api/call`;
  return { hash, image: `${base}/camshot/${hash}`, live: `${base}/live/${hash}` };
}
