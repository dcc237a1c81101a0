import type { Trips } from "./counting-worker.ts";
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
  const ask = async (call: string, path: string, { status = 200, body, authorization = "" }: Asked = {}) => {
    const method = body ? "POST" : "GET";
    const headers = { "Content-Type": "application/json", ...(authorization && { Authorization: authorization }) };
    const answer = await fetch(new URL(path, url), { method, headers, ...(body && { body: JSON.stringify(body) }) });
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
  return rows;
}

interface Asked {
  status?: number;
  body?: object;
  authorization?: string;
}
