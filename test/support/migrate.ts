import { applyD1Migrations, env } from "cloudflare:test";

await applyD1Migrations(env.DB, env.MIGRATIONS);

// What the file before has left on its way would be sent in the middle of this one's tests, and counted as theirs.
await env.DB.prepare("DELETE FROM messages WHERE state IN ('queued', 'sending')").run();
await env.DB.prepare("DELETE FROM panel_jobs WHERE state IN ('queued', 'sending')").run();
await scheduler.wait(50); // whoever holds one of them already
