import type { Env } from "#env.ts";
import { database } from "#platform/db.ts";
import { type AuditFilter, auditAfter, auditBefore } from "./audit-queries.ts";
import type { AuditRow } from "./tables.ts";

export type { AuditFilter } from "./audit-queries.ts";

// A request may ask D1 a thousand times.
const EXPORT_PAGE = 2000;

/** What is told of an audit row. */
export function auditView(row: AuditRow) {
  const { n, id, operator, at, action, reason, before, after, ip } = row;
  const actor = { kind: row.actorKind, id: row.actorId };
  const target = { kind: row.targetKind, id: row.targetId };
  return { n, id, operator, at, actor, action, target, reason, before, after, ip, request_id: row.requestId };
}

/** The latest rows first. */
export async function listAudit(
  env: Env,
  filter: AuditFilter,
  { cursor, limit }: { cursor?: string | undefined; limit: number },
) {
  const before = cursor === undefined || !/^\d{1,15}$/.test(cursor) ? Number.MAX_SAFE_INTEGER : Number(cursor);
  const rows = await auditBefore(database(env), filter, before, limit);
  return { items: rows.map(auditView), next_cursor: rows.length === limit ? String(rows.at(-1)!.n) : null };
}

/** Every row, the oldest first, one JSON document a line; read from the database as fast as it is taken. */
export function exportAudit(env: Env, filter: AuditFilter): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let after = 0;
  return new ReadableStream({
    async pull(controller) {
      const rows = await auditAfter(database(env), filter, after, EXPORT_PAGE);
      after = rows.at(-1)?.n ?? after;
      const lines = rows.map((row) => `${JSON.stringify(auditView(row))}\n`).join("");
      if (lines !== "") controller.enqueue(encoder.encode(lines));
      if (rows.length < EXPORT_PAGE) controller.close();
    },
  });
}

const KINDS: Record<string, string> = {
  ...{ acc: "account", dev: "device", dom: "domain", adm: "admin", cli: "client", pol: "policy", ses: "session" },
};

/** The target that an id names, with the kind that its prefix tells, by which rows are found. */
export function targetNamed(id: string): { kind?: string; id: string } {
  const kind = KINDS[id.split("_")[0]!];
  return kind === undefined ? { id } : { kind, id };
}
