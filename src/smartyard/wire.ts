import type { Context } from "hono";
import * as z from "zod";
import type { Client } from "#identity/login/proof.ts";
import { clientAddress } from "#platform/http.ts";

// How the apps write ids, switches and themselves (docs/contracts.md, "The apps").

/** An id, which Android sends as a number and iOS as text. */
export const Id = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^\d{1,15}$/)
      .transform(Number),
  ])
  .pipe(z.number().int().min(0).max(Number.MAX_SAFE_INTEGER));

const optionalId = z
  .union([Id, z.literal("")])
  .nullish()
  .transform((id) => (id === "" ? undefined : (id ?? undefined)));

/** A flat, which older apps call flatId and newer ones houseId: one number, the contract's uid. */
export const AnyHome = z
  .object({ flatId: optionalId, houseId: optionalId })
  .transform(({ flatId, houseId, ...rest }) => ({ ...rest, uid: houseId ?? flatId }));

export const OneHome = AnyHome.refine(({ uid }) => uid !== undefined, "flatId or houseId is needed").transform(
  ({ uid }) => ({ uid: uid! }),
);

/** A switch as it comes in: `t`, `true`, `yes`, `1` in any case or as JSON; everything else is off. */
export const Switch = z
  .union([z.string(), z.number(), z.boolean()])
  .transform((value) => /^(t|true|yes|1)$/i.test(String(value)));

/** A switch as it goes out. */
export const flag = (on: boolean): "t" | "f" => (on ? "t" : "f");
export const Flag = z.enum(["t", "f"]);

/** The app that asks. Only the web app has a token of its own; the others say what device they run on. */
export function clientOf(c: Context, deviceToken?: string): Client {
  const system = c.req.header("x-system-info")?.slice(0, 200);
  const agent = system ?? c.req.header("user-agent")?.slice(0, 200);
  const described = system && `${c.req.header("accept-language") ?? ""}|${system}`;
  return {
    address: clientAddress(c),
    install: deviceToken ? `*${deviceToken}` : described,
    agent: agent ?? "",
    device: agent ?? null,
  };
}
