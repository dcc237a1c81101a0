import { DurableObject } from "cloudflare:workers";
import type { Env } from "#env.ts";

/** One object per sync session: its websocket, the ids that it shows one after the other, and what a retry is answered. */
export class SyncSession extends DurableObject<Env> {}
