import { env } from "cloudflare:test";
import type { Env } from "#env.ts";
import { call } from "../support/world.ts";

const bearer = `Bearer ${env.INTEGRATION_TOKEN}`;

/** Calls /bill/api as the operator's billing does. A string is sent as it stands. */
export function bill(
  path: string,
  body?: unknown,
  { authorization = bearer, env: environment = env }: { authorization?: string; env?: Env } = {},
): Promise<Response> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return call(
    `/bill/api/${path}`,
    {
      method: "POST",
      headers: { "content-type": "application/json", ...(authorization && { authorization }) },
      ...(body !== undefined && { body: text }),
    },
    environment,
  );
}

/** Status and text of a call: the two things that a change answers with. */
export async function said(path: string, body?: unknown): Promise<[number, string]> {
  const response = await bill(path, body);
  return [response.status, await response.text()];
}

export const DONE = [200, ""];
export const REFUSED = [422, "Ошибка запроса"];
export const UNREADABLE = { code: 422, name: "Unprocessable Entity", message: "Необрабатываемый экземпляр" };

// biome-ignore lint/suspicious/noExplicitAny: each test looks at what it expects
export const json = async (path: string, body?: unknown): Promise<any> => (await bill(path, body)).json();

/** A camera as docs/contracts.md, "Billing and CRM" shows it. */
export const CAMERA = {
  ...{ device_type: 1, url: "https://vd.example.net", stream: "rtsp://root:rtsp-pass@192.0.2.10/1", is_active: true },
  ...{ title: "Подъезд 2", address: "г. Тула, ул. Мира, д. 3", longitude: 37.6173, latitude: "54.1931" },
  ...{ record_days: 7, domophoneid: null, monitorid: null, sippassword: "sip-s3cret", dtmf: 1 },
  ...{ camshot: "http://user:shot-pass@192.0.2.10/shot.jpg", paneltype: 1, panelip: "192.0.2.10" },
  ...{ panellogin: "admin", panelpasswd: "panel-pw" },
};

export async function aDevice(fields: object = {}): Promise<number> {
  return (await json("devices_add/", { ...CAMERA, ...fields })).device_id;
}
