// Door panels that keep their own list of keys, by paneltype: docs/contracts.md, "Panels".
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { callWithCredentials, hostAllowed } from "#platform/outbound.ts";
import { secretsOf } from "../device-secrets.ts";
import type { Device } from "../tables.ts";

/** A key of a flat, as a panel is told of it. */
export interface PanelKey {
  key: string;
  flat: string;
}

type Call = (path: string, init?: RequestInit) => Promise<Response>;

interface PanelKind {
  add(call: Call, key: PanelKey): Promise<Response>;
  remove(call: Call, key: PanelKey): Promise<Response>;
}

const beward: PanelKind = {
  add: (call, { key, flat }) => askBeward(call, { action: "add", Key: key, Apartment: flat }),
  remove: (call, { key }) => askBeward(call, { action: "delete", Key: key }),
};

const sokol: PanelKind = {
  add: (call, { key, flat }) =>
    call("/key/store", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ uuid: key, panelCode: Number(flat), encryption: false }),
    }),
  remove: async (call, { key }) => {
    const response = await call(`/key/store/${key}`, { method: "DELETE" });
    if (response.status !== 404) return response;
    await response.body?.cancel();
    return new Response(null, { status: 204 }); // what is not there has been removed
  },
};

const KINDS: Record<number, PanelKind> = { 1: beward, 2: sokol };

/** Tells one panel of one key, and answers its HTTP status. Throws AppError `unavailable` for a panel that cannot be asked. */
export async function tellPanel(env: Env, panel: Device, change: "add" | "remove", key: PanelKey): Promise<number> {
  const kind = KINDS[panel.paneltype ?? 0];
  if (!kind || !panel.panelip || !panel.isActive) throw new AppError("unavailable", "no panel that takes keys");
  const response = await kind[change](await callerOf(env, panel), key);
  await response.body?.cancel();
  return response.status;
}

async function callerOf(env: Env, panel: Device): Promise<Call> {
  const { PANEL_HOSTS, ENVIRONMENT } = settings(env);
  const base = URL.parse(`http://${panel.panelip}`);
  if (!base) throw new AppError("unavailable", "its address is none");
  if (!hostAllowed(base, PANEL_HOSTS, ENVIRONMENT === "development"))
    throw new AppError("unavailable", "not in PANEL_HOSTS");
  const { panellogin, panelpasswd } = await secretsOf(env, panel);
  base.username = encodeURIComponent(panellogin ?? "");
  base.password = encodeURIComponent(panelpasswd ?? "");
  return (path, init) => callWithCredentials(new URL(path, base), init);
}

/** Older panels read RFID, newer ones Mifare; which one it is only the panel knows. */
async function askBeward(call: Call, query: Record<string, string>): Promise<Response> {
  const probe = await call("/cgi-bin/rfid_cgi");
  await probe.body?.cancel();
  if (probe.status !== 404) return call(`/cgi-bin/rfid_cgi?${new URLSearchParams(query)}`);
  const type: Record<string, string> = query.action === "add" ? { Type: "1" } : {};
  return call(`/cgi-bin/mifare_cgi?${new URLSearchParams({ ...query, ...type })}`);
}
