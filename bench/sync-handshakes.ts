import { type Answer, type Load, saturate, wire } from "./load.ts";
import type { Server } from "./server.ts";
import { aGatewayUser, demandSharedKey, handshakeBody, passwordBody } from "./sync-app.ts";
import { comes, newSession, phoneHeaders, type Watched, watch } from "./sync-session.ts";

const CONNECTIONS = 16;
const USERS = 96;
/** Handshakes are too quick for so few. */
const HANDSHAKES = 1_000;
const LONGEST_SECONDS = 120;
/** The runtime here closes a connection when its object goes to sleep, ten seconds after the last word. */
const CLOSED_WITHIN_MS = 20_000;

export interface Rate {
  perSecond: number;
  /** ms of workerd's CPU, for each. */
  cpu: number;
}

export interface HandshakeFigures {
  handshake: Rate;
  /** With the hash of the password. */
  verification: Rate;
  /** One after the other, as an app makes them. */
  both: Rate;
}

interface App {
  user: string;
  session: string;
}

const json = { "Content-Type": "application/json" };

/** Phones that scan a code and say their key, and then their password, sixteen at a time; a page shows the code to each. */
export async function shakeHands(server: Server): Promise<HandshakeFigures> {
  const handshake = await run(server, await handshakes(server.yardgate), HANDSHAKES);
  const users = await Promise.all(Array.from({ length: USERS }, () => aGatewayUser(server.yardgate)));
  const pages = await Promise.all(
    users.map(async (user) => watch(server.yardgate, await newSession(server.yardgate, user))),
  );
  const apps = users.map((user, n) => ({ user, session: pages[n]!.session }));
  await run(server, handshakeOf(server.yardgate, apps), USERS);
  const verification = await run(server, await verificationOf(server.yardgate, apps), USERS);
  await demandAcknowledged(pages);
  return { handshake, verification, both: inTurn(handshake, verification) };
}

const inTurn = (a: Rate, b: Rate): Rate => ({
  ...{ perSecond: 1 / (1 / a.perSecond + 1 / b.perSecond), cpu: a.cpu + b.cpu },
});

async function run(server: Server, load: Load, limit: number): Promise<Rate> {
  await server.idle();
  const before = server.cpuSeconds();
  const { requests, seconds } = await saturate(load, { connections: CONNECTIONS, seconds: LONGEST_SECONDS, limit });
  if (requests < limit) throw new Error(`only ${requests} of ${limit} within ${LONGEST_SECONDS} s`);
  return { perSecond: requests / seconds, cpu: ((server.cpuSeconds() - before) / requests) * 1000 };
}

/** Of users whom nobody knows: that is seen only with the password. */
async function handshakes(url: URL): Promise<Load> {
  const paths = await Promise.all(Array.from({ length: HANDSHAKES }, (_, n) => newSession(url, `phone-${n}`)));
  return handshakeOf(
    url,
    paths.map((path) => {
      const [user, session] = path.split("/").slice(-2);
      return { user: user!, session: session! };
    }),
  );
}

function handshakeOf(url: URL, apps: App[]): Load {
  const body = JSON.stringify(handshakeBody);
  return {
    ...{ url, check: demandOk },
    request: (n) => wire("POST", `${pathOf(apps[n]!)}/handshake`, { headers: { ...json, ...phoneHeaders(n) }, body }),
  };
}

async function verificationOf(url: URL, apps: App[]): Promise<Load> {
  const password = await passwordBody(url);
  const requests = apps.map((each, n) =>
    wire("POST", pathOf(each), { headers: { ...json, ...phoneHeaders(n) }, body: JSON.stringify(password()) }),
  );
  return {
    ...{ url, request: (n) => requests[n]! },
    check(answer) {
      demandOk(answer);
      demandSharedKey(answer.body);
    },
  };
}

const pathOf = ({ user, session }: App) => `/v2/sync/users/${user}/sessions/${session}`;

function demandOk(answer: Answer): void {
  if (answer.status !== 200) throw new Error(`${answer.status}: ${answer.body}`);
}

async function demandAcknowledged(pages: Watched[]): Promise<void> {
  const isTold = ({ frames, closed }: Watched) =>
    closed === 1000 && ["201- pause", "200- ack"].every((word) => frames.some(({ text }) => text === word));
  if (!(await comes(() => pages.every(isTold), CLOSED_WITHIN_MS)))
    throw new Error(`${pages.filter((page) => !isTold(page)).length} pages were not told that the sync is done`);
}
