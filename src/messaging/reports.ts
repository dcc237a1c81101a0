import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { reportMessage } from "./queries.ts";
import type { Message } from "./tables.ts";

export interface Report {
  /** The message's id, as it was in the report's URL. */
  id: string;
  /** Whose message it is; the deployment's own operator when left out. */
  operator?: string | undefined;
  /** Kannel's `%d`. */
  type: number;
  /** `%F`: the SMSC's id of the message; empty when the SMSC refused it. */
  smscId: string;
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
 * report that comes before its attempt is known to have succeeded ends the attempts too. One that failed when
 * nobody wanted it any more has expired: SMSCs and Kannel report that as any other failure.
 */
export async function takeReport(env: Env, { id, operator, type, smscId }: Report, now = new Date()): Promise<void> {
  const ending = ENDINGS[type];
  if (!ending) return;
  const isDelivered = ending === "delivered";
  const from: Message["state"][] = isDelivered ? [...OPEN, "failed", "expired"] : OPEN;
  await reportMessage(database(env), operator ?? settings(env).OPERATOR, id, from, {
    ...{ state: ending, sealed: null, error: isDelivered ? null : `report ${type}`, updatedAt: now },
    ...(smscId && { smscId: smscId.slice(0, 64) }),
  });
}
