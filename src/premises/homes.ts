import { type Env, settings } from "#env.ts";
import { type BilledContract, type RemoteBilling, remoteBilling, type ServiceState } from "#operator/billing.ts";
import { randomDigits } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import {
  contractsOf,
  devicesOf,
  doorsOf,
  grantsOf,
  homesBy,
  insertHome,
  revocationsOf,
  updateHome,
  type Whose,
} from "./queries.ts";
import type { Home as HomeSettings } from "./tables.ts";

/** A person who has signed in, as far as premises need to know. */
export interface Resident {
  /** Digits with country code: what contracts are found by. */
  phone: string;
  account: string;
  /** The account's short number. */
  n: number;
  /** The session's id. */
  id: string;
}

export interface Camera {
  id: number;
  title: string;
  /** Where it plays, without a slash at the end. */
  url: string;
  /** Its name on the media server: what stands behind the host of `url`. */
  stream: string;
  latitude: string | null;
  longitude: string | null;
  /** Days of archive; 0 none, null not limited. */
  recordDays: number | null;
  state: ServiceState;
}

export interface Door {
  id: number;
  lockId: number;
  cameraId: number;
  icon: "entrance" | "wicket" | "gate" | "barrier";
  entrance: string | null;
  name: string;
  state: ServiceState;
}

/** A contract with everything on its walls that is switched on. */
export interface Home extends BilledContract {
  cameras: Camera[];
  doors: Door[];
}

/** The homes of a resident, and what it takes to give them the same camera token again. */
export interface Holdings {
  homes: Home[];
  grants: { digest: string; issuedAt: Date }[];
  /** By contract, `c<uid>`, and for the resident themselves, `a<number>`. */
  revokedAt: Map<string, Date>;
}

/** Contract 0 is everybody's: its cameras are the city's. */
const CITY: BilledContract = { uid: 0, login: "", address: "", flat: null, services: [] };

export interface Selection {
  /** One contract instead of all of the caller's. A foreign one is `not_found`. */
  uid?: number | undefined;
  /** Goes past the short cache of a remote billing. */
  fresh?: boolean | undefined;
}

/**
 * The resident's homes with cameras, doors and service states: one round trip to D1, whatever their number. A remote billing
 * is asked before (whose?) and after (paid?), all contracts at once.
 */
export async function holdingsOf(
  env: Env,
  resident: Resident,
  { uid, fresh = false }: Selection = {},
  now = new Date(),
): Promise<Holdings> {
  const billing = remoteBilling(env, { fresh });
  const billed = billing && (await billing.contractsOf(resident.phone));
  const whose: Whose = billed ? { uids: billed.map((contract) => contract.uid) } : { phone: resident.phone };
  const read = await readHoldings(env, whose, resident, now);
  const contracts = (billed ?? read.contracts).filter((contract) => uid === undefined || contract.uid === uid);
  if (uid !== undefined && contracts.length === 0) throw new AppError("not_found", "You have no such contract");
  const homes = contracts.map((contract) => homeOf(contract, read));
  if (billing) await Promise.all(homes.map((home) => askStates(billing, resident.phone, home)));
  return { homes, grants: read.grants, revokedAt: revocations(read.revoked) };
}

/** The cameras that everybody may watch. */
export async function cityOf(env: Env, resident: Resident, now = new Date()): Promise<Holdings> {
  const read = await readHoldings(env, { uids: [CITY.uid] }, resident, now);
  const home = homeOf(CITY, read);
  for (const camera of home.cameras) camera.state = 2;
  return { homes: [home], grants: read.grants, revokedAt: revocations(read.revoked) };
}

type Read = Awaited<ReturnType<typeof readHoldings>>;

async function readHoldings(env: Env, whose: Whose, { id: session, n }: Resident, now: Date) {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const [contracts, devices, doors, grants, revoked] = await db.batch([
    contractsOf(db, operator, whose),
    devicesOf(db, operator, whose),
    doorsOf(db, operator, whose),
    grantsOf(db, operator, session, now),
    revocationsOf(db, operator, whose, n),
  ]);
  return { contracts, devices, doors, grants, revoked };
}

function homeOf(contract: BilledContract, { devices, doors }: Read): Home {
  const own = devices.filter((device) => device.uid === contract.uid);
  const locks = new Map(own.filter((device) => device.type === 3).map((device) => [device.id, device.state ?? 0]));
  return {
    ...contract,
    cameras: own
      .filter((device) => (device.type === 1 || device.type === 2) && device.url)
      .map(({ id, title, url, uuid, latitude, longitude, recordDays, state }) => {
        const place = `${url!.replace(/\/+$/, "")}/${uuid}`;
        return { id, title, url: place, stream: streamOf(place), latitude, longitude, recordDays, state: state ?? 0 };
      }),
    doors: doors
      .filter((door) => door.uid === contract.uid && locks.has(door.lockId))
      .map(({ uid: _, ...door }) => ({ ...door, state: locks.get(door.lockId)! })),
  };
}

/** What Flussonic calls the stream that plays at this URL. */
export const streamOf = (url: string): string => url.replace(/^[a-z]+:\/\/[^/]*\/?/i, "").replace(/[?#].*$/, "");

async function askStates(billing: RemoteBilling, phone: string, home: Home): Promise<void> {
  if (billing.camerasOf) {
    const { state, cameras } = await billing.camerasOf(phone, home.uid);
    home.cameras = cameras.map((camera) => ({ ...camera, stream: streamOf(camera.url), recordDays: null, state }));
    for (const door of home.doors) door.state = state;
    return;
  }
  const ids = [...new Set([...home.cameras.map((camera) => camera.id), ...home.doors.map((door) => door.lockId)])];
  if (ids.length === 0) return;
  const states = await billing.statesOf(home.uid, ids);
  for (const camera of home.cameras) camera.state = states.get(camera.id) ?? 0;
  for (const door of home.doors) door.state = states.get(door.lockId) ?? 0;
}

const revocations = (rows: Read["revoked"]) => new Map(rows.map(({ subject, revokedAt }) => [subject, revokedAt]));

/** The contracts that the resident may act for; with `uid`, that one or `not_found`. */
async function contractsFor(env: Env, phone: string, { uid, fresh = false }: Selection) {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const billed = await remoteBilling(env, { fresh })?.contractsOf(phone);
  const whose: Whose = billed ? { uids: billed.map((contract) => contract.uid) } : { phone };
  const [rows, homes] = await db.batch([contractsOf(db, operator, whose), homesBy(db, operator, whose)]);
  const contracts = (billed ?? rows).filter((contract) => uid === undefined || contract.uid === uid);
  if (uid !== undefined && contracts.length === 0) throw new AppError("not_found", "You have no such contract");
  return { contracts, homes: new Map(homes.map((home) => [home.uid, home])) };
}

/** The resident's contracts for the settings screen. Makes the settings of a new flat, after the answer. */
export async function contractsOfResident(
  env: Env,
  { phone }: Resident,
  selection: Selection,
  later: After,
): Promise<BilledContract[]> {
  const { contracts, homes } = await contractsFor(env, phone, selection);
  const [first, ...rest] = contracts.map(({ uid }) => uid).filter((uid) => !homes.has(uid));
  if (first !== undefined) later(() => makeHomes(env, [first, ...rest]));
  return contracts;
}

/** The intercom settings of the resident's flat, after an optional change. A foreign flat is `not_found`. */
export async function homeSettings(
  env: Env,
  { phone }: Resident,
  { uid, fresh }: { uid: number; fresh?: boolean },
  change: Partial<Omit<HomeSettings, "operator" | "uid">> = {},
): Promise<HomeSettings> {
  const { homes } = await contractsFor(env, phone, { uid, fresh });
  const home = homes.get(uid);
  if (home && Object.keys(change).length === 0) return home;
  // Setting the key to itself reads a row that has just been made.
  const update = updateHome(database(env), settings(env).OPERATOR, uid, { uid, ...change });
  const [, [changed]] = await database(env).batch([newHome(env, uid), update]);
  return changed!;
}

/** One statement for each: a row binds a dozen parameters, and a statement may have a hundred. */
async function makeHomes(env: Env, [first, ...rest]: [number, ...number[]]): Promise<void> {
  await database(env).batch([newHome(env, first), ...rest.map((uid) => newHome(env, uid))]);
}

const newHome = (env: Env, uid: number) =>
  insertHome(database(env), { operator: settings(env).OPERATOR, uid, doorCode: newDoorCode() });

/** Five digits, the first of them 6–9, so that panels can tell it from a flat's number. */
export function newDoorCode(): string {
  let first = "";
  while (!/[6-9]/.test(first)) first = randomDigits(1);
  return first + randomDigits(4);
}
