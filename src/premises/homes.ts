import { type Env, settings } from "#env.ts";
import { type RemoteBilling, remoteBilling, type ServiceState } from "#operator/billing.ts";
import { randomDigits } from "#platform/crypto.ts";
import { database } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { type HeldContract, heldByBilling } from "./guests/held.ts";
import { demandRole, isOutside, mayReadLog, type Role, reaches } from "./guests/roles.ts";
import { type MediaServer, placeOf, streamOf, UNKNOWN_SERVER } from "./media/servers.ts";
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

export interface Camera extends MediaServer {
  id: number;
  title: string;
  /** Where it plays, without a slash at the end. */
  url: string;
  /** Its name on the media server. */
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

/** A contract with everything on its walls that is switched on and that the caller's role reaches. */
export interface Home extends HeldContract {
  cameras: Camera[];
  doors: Door[];
  /** The caller may read its event log: it is on, and not hidden from their role. */
  hasLog: boolean;
  /** How its intercom is set; undefined until somebody has looked at the settings. */
  settings: HomeSettings | undefined;
  /** Its cameras may know faces: nobody of the flat has switched that off. */
  knowsFaces: boolean;
}

/** The homes of a resident, and what it takes to give them the same camera token again. */
export interface Holdings {
  homes: Home[];
  grants: { digest: string; issuedAt: Date }[];
  /** By contract, `c<uid>`, and for the resident themselves, `a<number>`. */
  revokedAt: Map<string, Date>;
}

/** Contract 0 is everybody's: its cameras are the city's. */
const CITY: HeldContract = { uid: 0, login: "", address: "", flat: null, services: [], role: "inner" };

export interface Selection {
  /** One contract instead of all of the caller's. A foreign one is `not_found`. */
  uid?: number | undefined;
  /** Goes past the short cache of a remote billing. */
  fresh?: boolean | undefined;
}

/**
 * The resident's homes, own ones and those they are a guest of, with cameras, doors and service states: one round trip to D1,
 * whatever their number. A remote billing is asked before (whose?) and after (paid?), all contracts at once; who lets the
 * resident in is then read from D1 before, too.
 */
export async function holdingsOf(
  env: Env,
  resident: Resident,
  { uid, fresh = false }: Selection = {},
  now = new Date(),
): Promise<Holdings> {
  const billing = remoteBilling(env, { fresh });
  const billed = billing && (await heldByBilling(env, billing, resident.phone, now));
  const read = await readHoldings(env, whoseOf(billed, resident, now), resident, now);
  const contracts = selected(billed ?? read.contracts, uid);
  const homes = contracts.map((contract) => homeOf(contract, read));
  if (billing) await Promise.all(homes.map((home) => askStates(billing, home.billedTo ?? resident.phone, home)));
  for (const home of homes) if (!reaches(home.role, "inner")) home.cameras = [];
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
  const [contracts, devices, doors, grants, revoked, rows] = await db.batch([
    contractsOf(db, operator, whose),
    devicesOf(db, operator, whose),
    doorsOf(db, operator, whose),
    grantsOf(db, operator, session, now),
    revocationsOf(db, operator, whose, n),
    homesBy(db, operator, whose),
  ]);
  const settingsOf = new Map(rows.map((home) => [home.uid, home]));
  return { contracts, devices, doors, grants, revoked, settingsOf };
}

function homeOf(contract: HeldContract, { devices, doors, settingsOf }: Read): Home {
  const own = devices.filter((device) => device.uid === contract.uid);
  const locks = new Map(own.filter((device) => device.type === 3).map((device) => [device.id, device.state ?? 0]));
  return {
    ...contract,
    hasLog: mayReadLog(contract.role, settingsOf.get(contract.uid)),
    settings: settingsOf.get(contract.uid),
    knowsFaces: !settingsOf.get(contract.uid)?.frsOff,
    cameras: own
      .filter((device) => (device.type === 1 || device.type === 2) && device.url)
      .map(({ uid: _, type: __, url, state, ...device }) => {
        const place = placeOf(url!, device);
        return { ...device, url: place, stream: streamOf(place), state: state ?? 0 };
      }),
    doors: doors
      .filter((door) => door.uid === contract.uid && locks.has(door.lockId))
      .filter((door) => reaches(contract.role, "inner") || isOutside(door.icon))
      .map(({ uid: _, ...door }) => ({ ...door, state: locks.get(door.lockId)! })),
  };
}

async function askStates(billing: RemoteBilling, phone: string, home: Home): Promise<void> {
  if (billing.camerasOf) {
    const { state, cameras } = await billing.camerasOf(phone, home.uid);
    home.cameras = cameras.map((camera) => ({
      ...{ ...UNKNOWN_SERVER, ...camera, stream: streamOf(camera.url) },
      ...{ recordDays: null, state },
    }));
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

/** With `uid`, that one contract or `not_found`. */
function selected<C extends HeldContract>(contracts: readonly C[], uid: number | undefined): C[] {
  const found = contracts.filter((contract) => uid === undefined || contract.uid === uid);
  if (uid !== undefined && found.length === 0) throw new AppError("not_found", "You have no such contract");
  return found;
}

/** Contracts that a billing has named, or a phone's that the database knows itself. */
export const whoseOf = (billed: readonly HeldContract[] | undefined, { phone }: { phone: string }, at: Date): Whose =>
  billed ? { uids: billed.map(({ uid }) => uid) } : { phone, at };

/** The contracts that the resident has, with their settings; with `uid`, that one or `not_found`. */
async function contractsFor(env: Env, phone: string, { uid, fresh = false }: Selection, now: Date) {
  const [db, operator] = [database(env), settings(env).OPERATOR];
  const billing = remoteBilling(env, { fresh });
  const billed = billing && (await heldByBilling(env, billing, phone, now));
  const whose = whoseOf(billed, { phone }, now);
  const [rows, homes] = await db.batch([contractsOf(db, operator, whose), homesBy(db, operator, whose)]);
  return {
    contracts: selected<HeldContract>(billed ?? rows, uid),
    homes: new Map(homes.map((home) => [home.uid, home])),
  };
}

/** Every contract of the resident, their own ones and those that they are a guest of. */
export async function heldContracts(
  env: Env,
  { phone }: { phone: string },
  { fresh }: Pick<Selection, "fresh"> = {},
  now = new Date(),
): Promise<HeldContract[]> {
  return (await contractsFor(env, phone, { fresh }, now)).contracts;
}

/** One contract of the resident, their own or one that they are a guest of. A foreign one is `not_found`. */
export async function heldContract(
  env: Env,
  { phone }: { phone: string },
  selection: Selection & { uid: number },
  now = new Date(),
): Promise<HeldContract> {
  const { contracts } = await contractsFor(env, phone, selection, now);
  return contracts[0]!;
}

/** What decides about others who live there, or about their money, is the owners' alone. */
const OWNERS_SETTINGS = ["doorCode", "eventLogOff", "eventLogHidden", "paperBill"] as const;

/**
 * The intercom settings of the resident's flat, after an optional change. A foreign flat is `not_found`; an outer guest, and an
 * inner one who would hide the log or make a new door code, is `forbidden`.
 */
export async function homeSettings(
  env: Env,
  { phone }: Resident,
  { uid, fresh }: { uid: number; fresh?: boolean },
  change: Partial<Omit<HomeSettings, "operator" | "uid">> = {},
  now = new Date(),
): Promise<HomeSettings & { role: Role }> {
  const { contracts, homes } = await contractsFor(env, phone, { uid, fresh }, now);
  const { role } = contracts[0]!;
  demandRole(role, OWNERS_SETTINGS.some((name) => name in change) ? "owner" : "inner");
  const home = homes.get(uid);
  if (home && Object.keys(change).length === 0) return { ...home, role };
  // Setting the key to itself reads a row that has just been made.
  const update = updateHome(database(env), settings(env).OPERATOR, uid, { uid, ...change });
  const [, [changed]] = await database(env).batch([newHome(env, uid), update]);
  return { ...changed!, role };
}

/** Makes the settings of new flats. One statement for each: a row binds a dozen parameters, and a statement may have a hundred. */
export async function makeHomes(env: Env, [first, ...rest]: [number, ...number[]]): Promise<void> {
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
