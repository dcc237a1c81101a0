import { randomBytes } from "node:crypto";
import type { Kannel } from "./kannel.ts";
import { type Answer, type Load, type Wire, wire } from "./load.ts";
import type { Server } from "./server.ts";
import { addressOf, aHouse, aPhone, type Camera, camerasOf, type Resident } from "./world.ts";

/** Something that is measured. */
export interface Target extends Load {
  name: string;
  /** So many requests in one run, where each needs a phone that has not been used. */
  limit?: number;
  /** Measured only in every so many-th round, because it takes so long. */
  every?: number;
  /** The paced load, where it is not the usual one. */
  perSecond?: number;
  /** Called before each run. */
  ready?(): Promise<void>;
}

export const EMPTY = "empty Hono route";
const VIEWERS = 100;
const LOGINS_PER_RUN = 96;

/** A hundred residents watch fifty cameras each; the same requests, byte for byte, go to the empty route. */
export async function targets(server: Server, kannel: Kannel): Promise<Target[]> {
  const { residents } = await aHouse(server.yardgate, kannel, { residents: VIEWERS });
  const cameras = await Promise.all(residents.map((resident) => camerasOf(server.yardgate, resident)));
  const calls = callsOf(cameras);
  const callout = { url: server.yardgate };
  return [
    { name: EMPTY, url: server.empty, request: cycle(calls.allowed), check: expecting(200) },
    { name: "callout, allowed", ...callout, request: cycle(calls.allowed), check: expecting(200) },
    { name: "callout, denied", ...callout, request: cycle(calls.denied), check: expecting(403) },
    {
      ...{ name: "callout, mixed", ...callout, request: cycle(calls.mixed) },
      check: (answer, n) => (n % 2 === 0 ? expecting(200) : expecting(403))(answer),
    },
    { name: "cctv/all, 50 cameras", ...callout, request: cycle(residents.map(listCameras)), check: expecting(200) },
    ...logins(server, kannel),
  ];
}

const cycle = (wires: Wire[]) => (n: number) => wires[n % wires.length]!;

const expecting = (expected: number) => (answer: Answer) => {
  if (answer.status !== expected) throw new Error(`${answer.status} and not ${expected}: ${answer.body}`);
};

/** What Flussonic sends today (its API schema of 2025), for viewers whose sessions go on. */
function callsOf(viewers: Camera[][]): { allowed: Wire[]; denied: Wire[]; mixed: Wire[] } {
  const call = ({ url, token }: Camera, n: number) => {
    const name = new URL(url).pathname.slice(1);
    const session = `0b6ff1b5-2ba0-4ab5-8f32-${String(n).padStart(12, "0")}`;
    return wire(
      "GET",
      `/api/accessfl?name=${name}&token=${token}&ip=${addressOf(n)}&proto=hls&request_type=update_session` +
        `&request_number=${n}&session_id=${session}&stream_clients=3&total_clients=120&duration=60&bytes=1234567` +
        "&user_agent=Mozilla%2F5.0&host=video.example.net",
    );
  };
  const hex = (bytes: number) => randomBytes(bytes).toString("hex");
  // Of eight bad calls five carry garbage, and one each a forged token, somebody else's stream and nothing.
  const worse = ({ url, token }: Camera, n: number): Camera => {
    if (n % 8 === 5) return { url, token: token.slice(0, -22) + hex(11) };
    if (n % 8 === 6) return { url: `https://video.example.net/${hex(8)}`, token };
    return { url, token: n % 8 === 7 ? "" : hex(16) };
  };
  const good = Array.from({ length: VIEWERS * 4 }, (_, n) => {
    const cameras = viewers[n % VIEWERS]!;
    return cameras[(n * 7) % cameras.length]!;
  });
  const [allowed, denied] = [good.map(call), good.map((camera, n) => call(worse(camera, n), n))];
  return { allowed, denied, mixed: allowed.flatMap((each, n) => [each, denied[n]!]) };
}

const json = { "Content-Type": "application/json" };

const listCameras = ({ authorization }: Resident) =>
  wire("POST", "/api/cctv/all", { headers: { ...json, Authorization: authorization }, body: "{}" });

/**
 * Every phone that asks for a code is a new one; then every code that came is entered. Paced more slowly than the
 * rest: the stores run in the same process here, on the same processor, and would be what is measured.
 */
function logins({ yardgate: url }: Server, kannel: Kannel): Target[] {
  const asked: string[] = [];
  const entered = { count: 0 };
  const login = (method: string, body: object, n: number) =>
    wire("POST", `/api/user/${method}`, {
      headers: { ...json, "CF-Connecting-IP": addressOf(n) },
      body: JSON.stringify(body),
    });
  return [
    {
      ...{ name: "requestCode", url, limit: LOGINS_PER_RUN, every: 6, perSecond: 25, check: expecting(200) },
      request() {
        const userPhone = aPhone();
        return login("requestCode", { userPhone }, asked.push(userPhone));
      },
    },
    {
      ...{ name: "confirmCode", url, limit: LOGINS_PER_RUN, every: 6, perSecond: 25, check: expecting(200) },
      async ready() {
        for (const phone of asked.slice(entered.count)) await kannel.code(phone);
      },
      request() {
        const userPhone = asked[entered.count++]!;
        return login("confirmCode", { userPhone, smsCode: kannel.codeNow(userPhone) }, entered.count);
      },
    },
  ];
}
