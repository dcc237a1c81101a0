import { env } from "cloudflare:test";
import { expect, test } from "vitest";
import { clientOf } from "#identity/clients/clients.ts";
import { SYSTEM } from "#identity/journal/journal.ts";
import { refresh } from "#identity/tokens/refresh.ts";
import { validate } from "#identity/tokens/validate.ts";
import { aPerson } from "../support/shield.ts";

const later = () => {};

test("TOK-9 fifty refreshes at once rotate once, and all get the same successor", async () => {
  const { tokens, client } = await aPerson();
  const who = await clientOf(env, client);
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => refresh(env, who, tokens.refresh_token!, SYSTEM, later)),
  );
  expect(new Set(answers.map((answer) => answer.refresh_token)).size).toBe(1);
  const [next] = answers;
  await expect(
    validate(env, next!.access_token, { kinds: ["account"], freshness: "strict" }, later),
  ).resolves.toMatchObject({ session: tokens.session_id });
  const row = await env.DB.prepare("SELECT generation FROM sessions WHERE id = ?").bind(tokens.session_id).first();
  expect(row).toEqual({ generation: 2 });
});
