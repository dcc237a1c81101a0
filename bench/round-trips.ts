import type { Trips } from "./counting-worker.ts";
import { gatewayTrips } from "./gateway-trips.ts";
import { aHousehold } from "./household.ts";
import type { Kannel } from "./kannel.ts";
import { aHouse, aPhone, type Camera } from "./world.ts";

export interface Row {
  call: string;
  before: Trips;
  after: Trips;
}

/** Calls the counting worker as the apps and the media servers do, and notes what each call cost. */
export async function countRoundTrips(url: URL, kannel: Kannel): Promise<Row[]> {
  const rows: Row[] = [];
  const ask = async (call: string, path: string, asked: Asked = {}) => {
    const { status = 200, body, authorization = "", method = body ? "POST" : "GET" } = asked;
    const type = body instanceof URLSearchParams ? "application/x-www-form-urlencoded" : "application/json";
    const headers = { "Content-Type": type, ...(authorization && { Authorization: authorization }) };
    const sent = body instanceof URLSearchParams ? body.toString() : JSON.stringify(body);
    const answer = await fetch(new URL(path, url), { method, headers, ...(body && { body: sent }) });
    const text = await answer.text();
    if (answer.status !== status) throw new Error(`${call} answered ${answer.status}: ${text}`);
    rows.push({ call, ...(JSON.parse(answer.headers.get("X-Round-Trips")!) as Omit<Row, "call">) });
    return text;
  };

  await ask("callout, isolate just started", "/api/accessfl?name=a&token=garbage", { status: 403 });
  const { door, residents } = await aHouse(url, kannel);
  const { authorization } = residents[0]!;
  const list = await ask("cctv/all, 50 cameras, first time", "/api/cctv/all", { body: {}, authorization });
  await ask("cctv/all, 50 cameras", "/api/cctv/all", { body: {}, authorization });
  const { url: camera, token } = (JSON.parse(list) as { data: Camera[] }).data[0]!;
  const name = new URL(camera).pathname.slice(1);
  await ask("callout, allowed", `/api/accessfl?name=${name}&token=${token}`);
  await ask("callout, garbage", "/api/accessfl?name=a&token=0123456789abcdef", { status: 403 });
  await ask("callout, forged", `/api/accessfl?name=${name}&token=${token.slice(0, -3)}AAA`, { status: 403 });

  const userPhone = aPhone();
  await ask("user/requestCode", "/api/user/requestCode", { body: { userPhone } });
  const smsCode = await kannel.code(userPhone);
  const text = await ask("user/confirmCode", "/api/user/confirmCode", { body: { userPhone, smsCode } });
  const stranger = `Bearer ${(JSON.parse(text) as { data: { accessToken: string } }).data.accessToken}`;
  await ask("user/ping, first of a session", "/api/user/ping", { status: 204, body: {}, authorization: stranger });
  await ask("user/ping", "/api/user/ping", { status: 204, body: {}, authorization });
  await ask("address/getAddressList", "/api/address/getAddressList", { body: {}, authorization });
  await ask("cctv/camMap", "/api/cctv/camMap", { body: {}, authorization });
  await ask("address/openDoor", "/api/address/openDoor", { status: 204, body: door, authorization });
  await ask("user/logout", "/api/user/logout", { status: 204, body: {}, authorization });
  await shieldTrips(url, kannel, ask);
  await gatewayTrips(url, ask);
  return rows;
}

/** Shield, for a domain of fifty people, twenty controllers and five hundred rights. */
async function shieldTrips(url: URL, kannel: Kannel, ask: Ask): Promise<void> {
  const { client, service, domain, cookie, owner, members, controllers } = await aHousehold(url, kannel);
  const shield = (path: string) => `/shield/v1${path}`;
  const authorization = `Bearer ${owner.access}`;
  const basic = `Basic ${btoa(service)}`;

  const target = `${kannel.url}`;
  const headers = { "Content-Type": "application/json", cookie };
  const routes = [
    { method: "GET", pattern: "/bench/edge/*", provider: target },
    { method: "GET", pattern: "/bench/strict/*", provider: target, class: "strict" },
    {
      ...{ method: "GET", pattern: "/bench/controllers/{id}", provider: target },
      policy: { action: "control", resource: "controller:{params.id}" },
    },
  ];
  for (const route of routes) {
    const made = await fetch(new URL("/ops/v1/gateway/routes", url), {
      method: "POST",
      headers,
      body: JSON.stringify(route),
    });
    if (made.status !== 201) throw new Error(`a route was answered ${made.status} ${await made.text()}`);
  }
  await ask("gateway, edge, first of an isolate", "/bench/edge/1", { authorization });
  await ask("gateway, edge", "/bench/edge/1", { authorization });
  await ask("gateway, strict", "/bench/strict/1", { authorization });
  await ask("gateway, edge, with a policy check", `/bench/controllers/${controllers[7]}`, { authorization });
  await ask("GET /me (edge, and the account)", shield("/me"), { authorization });
  await ask("GET /domains/{id} (edge, and the right)", shield(`/domains/${domain}`), { authorization });

  const evaluation = {
    subject: { type: "account", id: members[7] },
    action: { name: "control" },
    resource: { type: "controller", id: controllers[7] },
  };
  await ask("access/v1/evaluation, and who asks", shield("/access/v1/evaluation"), {
    body: evaluation,
    authorization: basic,
  });
  const evaluations = Array.from({ length: 20 }, (_, n) => ({ resource: { type: "controller", id: controllers[n] } }));
  const many = { subject: evaluation.subject, action: evaluation.action, evaluations };
  await ask("access/v1/evaluations, twenty of them, and who asks", shield("/access/v1/evaluations"), {
    body: many,
    authorization: basic,
  });
  await ask("introspection (strict)", shield("/oauth/introspect"), {
    body: new URLSearchParams({ token: owner.access }),
    authorization: basic,
  });

  const login = { client_id: client, method: "password", login: `+${owner.phone}` };
  const wrong = { ...login, password: "seven loud lamps indeed" };
  await fetch(new URL(shield("/auth/login"), url), post({ ...wrong, login: `+${aPhone()}` })); // its text is read once
  await ask("auth/login, wrong password", shield("/auth/login"), { status: 401, body: wrong });
  await ask("auth/login, unknown", shield("/auth/login"), { status: 401, body: { ...wrong, login: `+${aPhone()}` } });
  for (let n = 0; n < 4; n++) await fetch(new URL(shield("/auth/login"), url), post(wrong));
  await ask("auth/login, locked: no hash is made", shield("/auth/login"), { status: 429, body: wrong });
  const other = { client_id: client, login: { type: "phone", value: `+${owner.phone}` }, purpose: "login" };
  await ask("auth/challenges", shield("/auth/challenges"), { status: 202, body: other });
  await ask("oauth/token, refresh", shield("/oauth/token"), {
    body: new URLSearchParams({ grant_type: "refresh_token", client_id: client, refresh_token: owner.refresh }),
  });
}

const post = (body: object) => ({
  ...{ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
});

export type Ask = (call: string, path: string, asked?: Asked) => Promise<string>;

interface Asked {
  status?: number;
  body?: object;
  authorization?: string;
  method?: string;
}
