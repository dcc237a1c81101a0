import { and, asc, desc, eq, gt, gte, lt, lte, type SQL, sql } from "drizzle-orm";
import { compared, type Db } from "#platform/db.ts";
import { auditLog, auditSeals } from "./tables.ts";

export interface AuditFilter {
  /** Whose rows, `*` among them for what belongs to no operator. */
  operators: readonly string[];
  actor?: string | undefined;
  target?: { kind?: string | undefined; id: string } | undefined;
  action?: string | undefined;
  from?: Date | undefined;
  to?: Date | undefined;
}

function matches({ operators, actor, target, action, from, to }: AuditFilter): SQL | undefined {
  const [only, ...others] = operators;
  // One operator's rows have an index; for several it is quicker to walk back along the key.
  const within =
    only !== undefined && others.length === 0
      ? eq(auditLog.operator, only)
      : sql`${actor === undefined && target === undefined ? compared(auditLog.operator) : auditLog.operator}
          IN (SELECT value FROM json_each(${JSON.stringify(operators)}))`;
  return and(
    within,
    actor === undefined ? undefined : eq(auditLog.actorId, actor),
    target?.kind === undefined ? undefined : eq(auditLog.targetKind, target.kind),
    target === undefined ? undefined : eq(auditLog.targetId, target.id),
    action === undefined ? undefined : eq(auditLog.action, action),
    from === undefined ? undefined : gte(auditLog.at, from),
    to === undefined ? undefined : lte(auditLog.at, to),
  );
}

/** The latest rows before the cursor. */
export function auditBefore(db: Db, filter: AuditFilter, before: number, limit: number) {
  return db
    .select()
    .from(auditLog)
    .where(and(matches(filter), lt(auditLog.n, before)))
    .orderBy(desc(auditLog.n))
    .limit(limit);
}

/** The oldest rows after the cursor. */
export function auditAfter(db: Db, filter: AuditFilter, after: number, limit: number) {
  return db
    .select()
    .from(auditLog)
    .where(and(matches(filter), gt(auditLog.n, after)))
    .orderBy(asc(auditLog.n))
    .limit(limit);
}

/** A row as it stands in the database, as one JSON text: what a seal is made over. */
const line = sql<string>`json_array(n, operator, id, at, actor_kind, actor_id, action, target_kind, target_id, reason, before, after,
  ip, request_id)`;

export function sealedLines(db: Db, operator: string, fromN: number, toN: number, limit: number) {
  return db
    .select({ n: auditLog.n, line })
    .from(auditLog)
    .where(and(eq(auditLog.operator, operator), gte(auditLog.n, fromN), lte(auditLog.n, toN)))
    .orderBy(asc(auditLog.n))
    .limit(limit);
}

export function lastSeal(db: Db, operator: string) {
  return db.select().from(auditSeals).where(eq(auditSeals.operator, operator)).orderBy(desc(auditSeals.toN)).limit(1);
}

export function sealsAfter(db: Db, operator: string, toN: number, limit: number) {
  return db
    .select()
    .from(auditSeals)
    .where(and(eq(auditSeals.operator, operator), gt(auditSeals.toN, toN)))
    .orderBy(asc(auditSeals.toN))
    .limit(limit);
}

/** Returns nothing where another sealer was faster: a chain does not fork. */
export function insertSeal(db: Db, seal: typeof auditSeals.$inferInsert) {
  return db.insert(auditSeals).values(seal).onConflictDoNothing().returning({ toN: auditSeals.toN });
}

/** Operators with audit rows. Each step is one search in an index, so that the rows are not read. */
export async function operatorsWithAudit(db: Db): Promise<string[]> {
  const rows = await db.all<{ operator: string }>(sql`
    WITH RECURSIVE found (operator) AS (
      SELECT min(operator) FROM audit_log
      UNION ALL
      SELECT (SELECT min(operator) FROM audit_log WHERE operator > found.operator) FROM found WHERE operator IS NOT NULL
    )
    SELECT operator FROM found WHERE operator IS NOT NULL`);
  return rows.map(({ operator }) => operator);
}
