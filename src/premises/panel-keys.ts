// Door panels that keep their own list of keys, by paneltype: docs/contracts.md, "Panels".
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { callWithCredentials, hostAllowed } from "#platform/outbound.ts";
import { secretsOf } from "./device-secrets.ts";
import { panelsOfContract } from "./rights-queries.ts";

/** A key of a flat, as a panel is told of it. */
interface PanelKey {
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
  remove: (call, { key }) => call(`/key/store/${key}`, { method: "DELETE" }),
};

const KINDS: Record<number, PanelKind> = { 1: beward, 2: sokol };

/**
 * Tells every panel at the contract's doors about a key. What a panel answers changes nothing for the caller,
 * whose key is in our table already; a failure is logged by the number of the device.
 */
export async function tellPanels(env: Env, change: "add" | "remove", uid: number, key: string): Promise<void> {
  const panels = await panelsOfContract(database(env), settings(env).OPERATOR, uid);
  await Promise.all(
    panels.map(async ({ flat, ...panel }) => {
      try {
        const kind = KINDS[panel.paneltype ?? 0];
        if (!kind || !flat || !/^\d+$/.test(flat)) return;
        const response = await kind[change](await callerOf(env, panel), { key, flat });
        await response.body?.cancel();
        if (!response.ok) console.warn(`panel ${panel.deviceId}: key not changed, HTTP ${response.status}`);
      } catch (error) {
        console.warn(`panel ${panel.deviceId}: key not changed,`, error instanceof Error ? error.message : error);
      }
    }),
  );
}

type Panel = Omit<Awaited<ReturnType<typeof panelsOfContract>>[number], "flat">;

async function callerOf(env: Env, panel: Panel): Promise<Call> {
  const { PANEL_HOSTS, ENVIRONMENT } = settings(env);
  const base = new URL(`http://${panel.panelip}`);
  if (!hostAllowed(base, PANEL_HOSTS, ENVIRONMENT === "development")) throw new Error("not in PANEL_HOSTS");
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
