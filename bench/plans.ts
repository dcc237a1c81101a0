import { anEstate, type Estate } from "./estate.ts";
import { clientNumber, fillGateway } from "./gateway-estate.ts";
import type { Kannel } from "./kannel.ts";
import type { Row } from "./round-trips.ts";
import type { Server } from "./server.ts";
import { TOKEN } from "./world.ts";

/** A call, what it cost, and how the database finds what it asks for. */
export interface Plan extends Row {
  steps: string[];
}

type IsScan = (step: string, gathered: ReadonlySet<string>) => boolean;

/**
 * Reads a table from one end to the other, or all that an operator has in it. Lists that came as a parameter, and what was
 * gathered before, may be read through.
 */
const isScan: IsScan = (step, gathered) => {
  const table = /^SCAN (\w+)$/.exec(step)?.[1];
  if (table) return !gathered.has(table);
  return /\(operator=\?(?: AND \w+[<>]\?){0,2}\)/.test(step) && !WHOLE.test(step);
};

/**
 * What is read whole because it is a list to choose from, or nothing but what is asked for: the seeds that are live; the gateway's clients,
 * of whom every page tells how many there are.
 */
const WHOLE = /^SEARCH (appeal_categories|gateway_clients|gateway_seeds USING INDEX gateway_seeds_live) /;

/** Of a chore: an index that holds nothing but what is to be done, or its old end. */
const isScanOfChore: IsScan = (step, gathered) => {
  const isRest = /_(running|unheard|orders) \(|[<>]\?\)$/.test(step);
  return !isRest && isScan(step, gathered);
};

/** What a statement names for itself: subqueries and common table expressions. */
const gatheredIn = (sql: string): Set<string> =>
  new Set(
    [...sql.matchAll(/\) AS (\w+)|\bWITH (?:RECURSIVE )?(\w+)|, (\w+) \([^)]*\) AS \(/gi)].flatMap((match) =>
      match.slice(1).filter(Boolean),
    ),
  );

/** Reading may wait for the database this often, one after the other. */
const MOST_TRIPS = 2;

/**
 * Every read of the apps, of the PBX and of the gateway, and its chores, in an estate of two hundred doors and a million events. Throws when one of them waits for
 * the database more than twice, or reads a table from one end to the other.
 */
export async function explainReads({ yardgate: url, db }: Server, kannel: Kannel): Promise<Plan[]> {
  const estate = await anEstate(url, kannel, db);
  await fillGateway(db);
  const plans: Plan[] = [];
  for (const [path, body] of reads(estate)) {
    await ask(url, estate, path, body); // the session is in KV from the first one on
    const counted = await ask(url, estate, path, body);
    const { d1InTurn } = counted.before;
    if (d1InTurn > MOST_TRIPS) throw new Error(`${path} waits for the database ${d1InTurn} times`);
    plans.push({ call: path, ...counted, steps: await stepsOf(url, db, path, isScan) });
  }
  for (const chore of (await (await fetch(new URL(CHORES, url))).json()) as string[]) {
    const counted = await ask(url, estate, `${CHORES}${encodeURIComponent(chore)}`);
    plans.push({ call: chore, ...counted, steps: await stepsOf(url, db, chore, isScanOfChore) });
  }
  return plans;
}

const CHORES = "/bench/chores/";

/** How the database finds what the latest request has asked it. Throws when that is by reading whole tables. */
async function stepsOf(url: URL, db: D1Database, call: string, isScan: IsScan): Promise<string[]> {
  const statements = (await (await fetch(new URL("/bench/statements", url))).json()) as string[];
  const steps: string[] = [];
  for (const sql of statements) {
    const plan = await planOf(db, sql);
    const scans = plan.filter((step) => isScan(step, gatheredIn(sql)));
    if (scans.length > 0) throw new Error(`${call} reads whole tables: ${scans.join("; ")} in ${sql}`);
    steps.push(...plan);
  }
  return [...new Set(steps)];
}

async function planOf(db: D1Database, sql: string): Promise<string[]> {
  const values = Array.from({ length: sql.split("?").length - 1 }, () => null);
  const plan = await db
    .prepare(`EXPLAIN QUERY PLAN ${sql}`)
    .bind(...values)
    .all<{ detail: string }>();
  return plan.results.map(({ detail }) => detail);
}

async function ask(url: URL, { resident }: Estate, path: string, body?: unknown): Promise<Omit<Row, "call">> {
  const authorization = authorizationFor(path, resident);
  const headers = { "Content-Type": "application/json", ...(authorization && { Authorization: authorization }) };
  const asked = body === undefined ? { headers } : { method: "POST", headers, body: JSON.stringify(body) };
  const answer = await fetch(new URL(path, url), asked);
  const text = await answer.text();
  if (answer.status >= 300) throw new Error(`${path} answered ${answer.status}: ${text}`);
  return JSON.parse(answer.headers.get("X-Round-Trips")!) as Omit<Row, "call">;
}

/** The gateway's reads ask nobody who they are, and a wrong word is worse than none. */
const authorizationFor = (path: string, resident: Estate["resident"]): string | undefined => {
  if (path.startsWith("/asterisk")) return `Bearer ${TOKEN}`;
  return path.startsWith("/api") ? resident.authorization : undefined;
};

function reads({ uids: [uid], camera, door, domophone }: Estate): [string, unknown?][] {
  const today = new Date().toISOString().slice(0, 10);
  const app = (method: string, body: unknown = {}): [string, unknown] => [`/api/${method}`, body];
  const flat = { flatId: uid };
  return [
    app("address/getAddressList"),
    app("address/getSettingsList"),
    app("address/intercom", flat),
    app("address/plog", { ...flat, day: today }),
    app("address/plogDays", flat),
    app("address/plogDays", { ...flat, events: "3,4" }),
    app("address/offices"),
    app("cctv/all"),
    app("cctv/all", { houseId: uid }),
    app("cctv/allTree"),
    app("cctv/camMap"),
    app("cctv/door", { houseId: uid, doorId: door }),
    app("cctv/overview"),
    app("cctv/plog", { houseId: uid, camId: camera, day: today }),
    app("cctv/plogDays", { houseId: uid, camId: camera }),
    app("cctv/youtube"),
    app("user/getName"),
    app("user/notification"),
    app("user/getBillingList"),
    app("user/getPaymentsList"),
    app("pay/getDetail", { clientId: `e${uid}`, year: today.slice(0, 4) }),
    app("inbox/inbox"),
    app("inbox/unreaded"),
    app("issues/listConnect"),
    app("issues/listConnectV2"),
    app("geo/getAllLocations"),
    app("hcs/appealsCategory"),
    app("hcs/appealsList", { houseId: uid }),
    app("hcs/listPay", { houseId: uid }),
    app("sh/getNode", { houseId: uid }),
    app("sh/getRooms", { houseId: uid }),
    app("sh/getItems", { houseId: uid }),
    app("ext/options"),
    app("ext/list"),
    ["/asterisk/extensions/uidFromflatNumber", { domophoneId: domophone, flatNumber: "17" }],
    ["/asterisk/extensions/precall", { domophoneId: domophone, uid }],
    ["/asterisk/extensions/domophone", domophone],
    ["/asterisk/extensions/subscribers", uid],
    ["/seeds"],
    ["/seeders"],
    [`/seeds/624010`],
    ["/v3/clients"],
    ["/v3/clients?country=Cameroon&operator=mtn&page=7&per_page=50"],
    ["/v3/clients/countries"],
    ["/v3/clients/cameroon/operators"],
    [`/v3/clients/${clientNumber(7)}/tests`],
  ];
}
