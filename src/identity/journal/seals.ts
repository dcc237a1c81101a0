import type { Env } from "#env.ts";
import { sha256 } from "#platform/crypto.ts";
import { type Db, database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { insertSeal, lastSeal, operatorsWithAudit, sealedLines, sealsAfter } from "./audit-queries.ts";

// A seal is a hash over the seal before it and every row since. Whoever changes, removes or slips in a sealed row would have to
// make all later seals anew, and a seal that was kept elsewhere tells.

const ROWS_PER_SEAL = 500;
const BEGINNING = "0".repeat(64);

/** Every minute, for every operator: seals what is new. One operator's trouble is not the next one's. */
export async function sealAudit(env: Env, now = new Date()): Promise<void> {
  for (const operator of await operatorsWithAudit(database(env)))
    await sealAuditOf(env, operator, now).catch((error: unknown) => logError(`audit of ${operator} not sealed`, error));
}

/** Seals an operator's new rows, in as many seals as it takes. */
export async function sealAuditOf(env: Env, operator: string, now = new Date()): Promise<void> {
  const db = database(env);
  for (;;) {
    const [last] = await lastSeal(db, operator);
    const fromN = (last?.toN ?? 0) + 1;
    const rows = await sealedLines(db, operator, fromN, Number.MAX_SAFE_INTEGER, ROWS_PER_SEAL);
    if (rows.length === 0) return;
    const prevHash = last?.hash ?? BEGINNING;
    const seal = { operator, fromN, toN: rows.at(-1)!.n, rows: rows.length, prevHash, sealedAt: now };
    const made = await insertSeal(db, { ...seal, hash: hashOf(prevHash, rows) });
    if (made.length > 0 && rows.length < ROWS_PER_SEAL) return;
  }
}

export interface Verified {
  ok: boolean;
  /** Rows that were looked at. */
  checked: number;
  /** The first stretch of rows, by their numbers, that is not what was sealed. */
  first_bad?: { operator: string; from: number; to: number };
}

/** Seals what is new, and makes every seal of these operators anew from the rows as they stand. */
export async function verifyAudit(env: Env, operators: readonly string[], now = new Date()): Promise<Verified> {
  let checked = 0;
  for (const operator of operators) {
    await sealAuditOf(env, operator, now);
    const result = await verifyChain(env, operator);
    checked += result.checked;
    if (!result.ok) return { ...result, checked };
  }
  return { ok: true, checked };
}

// A request may ask D1 a thousand times, and there is a seal for each minute in which something happened.
const SEALS_PER_READ = 1000;
const ROWS_PER_READ = 2000;

async function verifyChain(env: Env, operator: string): Promise<Verified> {
  const db = database(env);
  let [checked, at, hash] = [0, 0, BEGINNING];
  for (;;) {
    const seals = await sealsAfter(db, operator, at, SEALS_PER_READ);
    const lines = linesBetween(db, operator, at + 1, seals.at(-1)?.toN ?? at);
    let next = await lines.next();
    for (const seal of seals) {
      const rows: Line[] = [];
      for (; !next.done && next.value.n <= seal.toN; next = await lines.next()) rows.push(next.value);
      checked += rows.length;
      const isWhole = seal.fromN === at + 1 && seal.prevHash === hash && rows.length === seal.rows;
      if (!isWhole || seal.hash !== hashOf(hash, rows))
        return { ok: false, checked, first_bad: { operator, from: at + 1, to: seal.toN } };
      [at, hash] = [seal.toN, seal.hash];
    }
    if (seals.length < SEALS_PER_READ) return { ok: true, checked };
  }
}

type Line = Awaited<ReturnType<typeof sealedLines>>[number];

async function* linesBetween(db: Db, operator: string, fromN: number, toN: number): AsyncGenerator<Line, void> {
  for (let at = fromN; at <= toN; ) {
    const rows = await sealedLines(db, operator, at, toN, ROWS_PER_READ);
    yield* rows;
    if (rows.length < ROWS_PER_READ) return;
    at = rows.at(-1)!.n + 1;
  }
}

const hashOf = (prevHash: string, rows: readonly { line: string }[]): string =>
  sha256([prevHash, ...rows.map(({ line }) => line)].join("\n"));
