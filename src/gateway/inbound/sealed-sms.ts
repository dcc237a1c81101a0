import * as z from "zod";
import type { Settings } from "#env.ts";
import { open, seal } from "#platform/crypto.ts";
import type { GatewayMessage } from "./tables.ts";

// What stands in a message's `sealed`: in the state `received` what came, in `opened` what the publisher gets.

const Received = z.object({
  sender: z.string(),
  text: z.string(),
  /** When the phone that relays it got it, and when it was sent; ms since 1970, if that phone said so. */
  date: z.number().optional(),
  dateSent: z.number().optional(),
});
export type Received = z.infer<typeof Received>;

const Opened = z.object({ msisdn: z.string(), message: z.string() });
export type Opened = z.infer<typeof Opened>;

type Ring = Pick<Settings, "MASTER_KEY">;

export const sealSms = ({ MASTER_KEY }: Ring, content: Received | Opened, id: string): Promise<string> =>
  seal(MASTER_KEY, JSON.stringify(content), id);

/** Throws when the key is gone or the column was tampered with. */
export const receivedIn = async (config: Ring, row: GatewayMessage): Promise<Received> =>
  Received.parse(await contentOf(config, row));

/** The same for one that is opened. */
export const openedIn = async (config: Ring, row: GatewayMessage): Promise<Opened> =>
  Opened.parse(await contentOf(config, row));

const contentOf = async ({ MASTER_KEY }: Ring, { sealed, id }: GatewayMessage): Promise<unknown> =>
  JSON.parse(await open(MASTER_KEY, sealed!, id));
