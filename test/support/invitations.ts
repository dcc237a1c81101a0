import { env } from "cloudflare:test";
import { vi } from "vitest";
import type { Env } from "#env.ts";
import { type Signed, shield } from "./shield.ts";
import type { outside } from "./world.ts";

// Invitations for tests, as the app asks for them.

export interface Made {
  id: string;
  link?: string;
  qr?: string;
  expires_at: string;
  member_expires_at: string | null;
}
export const ask = (id: string, { token }: Signed, fields: object, environment: Env = env) =>
  shield(`/domains/${id}/invitations`, { token, json: { role: "member", ...fields }, env: environment });
export const invite = async (id: string, by: Signed, fields: object = {}) =>
  (await (await ask(id, by, fields)).json()) as Made;
export const codeOf = ({ link }: Made) => link!.split("/").at(-1)!;
export const accept = ({ token }: Signed, code: string, environment: Env = env) =>
  shield(`/invitations/${code}/accept`, { token, method: "POST", env: environment });
export const decline = ({ token }: Signed, code: string) =>
  shield(`/invitations/${code}/decline`, { token, method: "POST" });
export const mine = async ({ token }: Signed) =>
  ((await (await shield("/invitations", { token })).json()) as { items: { id: string }[] }).items;
export const smsCode = (world: ReturnType<typeof outside>, phone: string) =>
  vi.waitFor(() => /\/i\/(\S+)$/.exec(world.smsTo(phone).at(-1) ?? "")![1]!, { timeout: 5_000, interval: 10 });
export const usesOf = (id: string) =>
  env.DB.prepare("SELECT uses, status FROM invitations WHERE id = ?")
    .bind(id)
    .first<{ uses: number; status: string }>();
