import * as z from "zod";
import { type Env, settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import type { After } from "#platform/http.ts";
import { logError } from "#platform/log.ts";
import { instantOf } from "#platform/time.ts";
import { EVENT } from "#premises/events.ts";
import { keyForms } from "#premises/key-forms.ts";
import { type Entrant, noteEntry, whoEnters } from "./entry.ts";

/** One message of a controller. What it may hold beside its operation depends on that. */
export const Message = z.looseObject({
  id: z.union([z.number(), z.string().max(64)]).nullish(),
  operation: z.string().max(64),
});
type Message = z.output<typeof Message>;

type Answer = Record<string, unknown> & { operation: string };

/** Each takes several queries, and a request has a budget of them. What is not taken now the controller brings again. */
const EVENTS_AT_ONCE = 100;

/** A key from the controller's own memory has opened the door, from outside or from inside. */
const OPENED_BY_KEY = new Set([4, 5]);

const CardEvent = z.object({
  event: z.coerce.number().int(),
  card: z.string().max(64),
  time: z.string().max(32).nullish(),
});

/** What the controller of this serial number is answered; undefined where its message asks for nothing. */
export async function answerTo(env: Env, serial: string, message: Message, later: After): Promise<Answer | undefined> {
  const { id, operation } = message;
  switch (operation) {
    case "power_on":
      return { id, operation: "set_active", active: 1, online: 1 };
    case "check_access":
      return { id, operation, granted: Number(await letIn(env, serial, message, later)) };
    case "events":
      return { id, operation, events_success: await takeEvents(env, serial, message.events, later) };
    default:
      return undefined;
  }
}

/** Whether the key opens this controller's door: it belongs to a contract with a paid right to the lock. */
async function letIn(env: Env, serial: string, { card }: Message, later: After): Promise<boolean> {
  const entrant = await holderOf(env, serial, card);
  if (entrant) await notePass(env, entrant, String(card), new Date(), later);
  return entrant !== undefined;
}

/**
 * Takes what the controller remembers, or as much of it as can be taken at once, and tells how many that were: those it forgets.
 * Passes of known keys go into the flats' logs, unless the controller had asked about them before.
 */
async function takeEvents(env: Env, serial: string, list: unknown, later: After): Promise<number> {
  if (!Array.isArray(list)) return 0;
  const now = new Date();
  const taken = list.slice(0, EVENTS_AT_ONCE);
  for (const item of taken) {
    const pass = CardEvent.safeParse(item).data;
    if (!pass || !OPENED_BY_KEY.has(pass.event)) continue;
    const told = pass.time ? instantOf(pass.time, settings(env).TIME_ZONE) : undefined;
    const entrant = await holderOf(env, serial, pass.card);
    // A controller whose clock is ahead does not write into the future.
    if (entrant) await notePass(env, entrant, pass.card, told && told < now ? told : now, later);
  }
  return taken.length;
}

async function holderOf(env: Env, serial: string, card: unknown): Promise<Entrant | undefined> {
  const keys = keyForms(typeof card === "string" ? card : "");
  if (serial === "" || keys.straight.length === 0) return undefined;
  try {
    return await whoEnters(env, { z5rSerial: serial }, { keys });
  } catch (error) {
    // A controller that belongs to no door lets nobody in. Where a billing is silent, a door stays shut, too.
    if (!(error instanceof AppError)) throw error;
    if (error.code !== "not_found") logError(`controller ${serial}`, error);
    return undefined;
  }
}

function notePass(env: Env, entrant: Entrant, card: string, at: Date, later: After): Promise<void> {
  const key = card.toLowerCase().slice(0, 12);
  return noteEntry(env, entrant, { kind: EVENT.key, at, detail: `Ключ ${key}`, extra: { key } }, later);
}
