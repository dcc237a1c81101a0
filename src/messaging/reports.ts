import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { reportMessage } from "./queries.ts";
import type { Message } from "./tables.ts";

export interface Report {
  /** The message's id, as it was in the report's URL. */
  id: string;
  /** Kannel's `%d`. */
  type: number;
  /** `%F`: the SMSC's id of the message; empty when the SMSC refused it. */
  smscId: string;
  /** `%A`: what the SMSC said. It may quote the message, so no more than its codes is kept. */
  answer: string;
}

/** The reports that say how it ended; 34 is the later Kannels' "expired". 4 (buffered) and 8 (accepted) do not. */
const ENDINGS: Record<number, "delivered" | "failed" | "expired"> = {
  1: "delivered",
  2: "failed",
  16: "failed",
  34: "expired",
};

const OPEN: Message["state"][] = ["queued", "sending", "sent", "unknown"];

/**
 * Writes a delivery report. Reports come late, twice and in any order, and a message that was sent twice has
 * two of them: nothing is taken back from a delivered one, and a delivery counts even after a failure. A
 * report that comes before its attempt is known to have succeeded ends the attempts too.
 */
export async function takeReport(env: Env, { id, type, smscId, answer }: Report, now = new Date()): Promise<void> {
  const ending = ENDINGS[type];
  if (!ending) return;
  const delivered = ending === "delivered";
  await reportMessage(database(env), settings(env).OPERATOR, id, delivered ? [...OPEN, "failed", "expired"] : OPEN, {
    state: !delivered && tellsExpiry(answer) ? "expired" : ending,
    sealed: null,
    error: delivered ? null : codesOf(answer),
    ...(smscId && { smscId: smscId.slice(0, 64) }),
    updatedAt: now,
  });
}

/** The SMSC's receipt of an expired message, or Kannel's own word for one that waited too long for the SMSC. */
const tellsExpiry = (answer: string): boolean => /\bstat:EXPIRED\b|^NACK\/validity expired/.test(answer);

/** A receipt is `id:… stat:UNDELIV err:034 text:…` (SMPP 3.4, appendix B), a refusal `NACK/0x0000000b/…`. */
function codesOf(answer: string): string {
  const [codes] = answer.split(/\btext:/i);
  const known = codes?.match(/\b(stat:|err:)\w{1,10}|^NACK\/[\w ]{1,40}/g);
  return known?.join(" ") ?? "no reason given";
}
