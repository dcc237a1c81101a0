import { applyD1Migrations, env } from "cloudflare:test";

// All files of a worker share its storage, so the first one migrates it.
const shared = globalThis as { isMigrated?: boolean };
if (!shared.isMigrated) await applyD1Migrations(env.DB, env.MIGRATIONS);
shared.isMigrated = true;

// What the file before has left on its way would be sent in the middle of this one's tests, and counted as theirs.
const left = await env.DB.batch(
  ["messages", "panel_jobs"].map((table) =>
    env.DB.prepare(`DELETE FROM ${table} WHERE state IN ('queued', 'sending')`),
  ),
);
if (left.some(({ meta }) => meta.changes > 0)) await scheduler.wait(50); // whoever holds one of them already
