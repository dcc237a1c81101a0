import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { leave } from "#identity/installs/installs.ts";
import { listAppeals, takeAppeal, workOnAppeal } from "#operator/desk/appeals.ts";
import { commentOwnIssue, listIssues, openIssue, workOnIssue } from "#operator/desk/issues.ts";
import { forgetOldDesk } from "#operator/desk/retention.ts";
import { photoOf } from "#platform/photos.ts";
import { aPhone, aResident, aUid, envWith, type SignedInResident } from "../support/world.ts";

const DAY = 86_400_000;
const MAIN = "main";
const now = new Date();
const ago = (days: number) => new Date(now.getTime() - days * DAY);
const photo = () => photoOf(Buffer.from(`ffd8ffe0${"07".repeat(32)}`, "hex").toString("base64"));

const anAppeal = (fields: Partial<Parameters<typeof takeAppeal>[1]> = {}) => ({
  ...{ uid: aUid(), phone: aPhone(), address: "г. Тула, ул. Мира, д. 3", categoryId: 1, description: "Темно" },
  ...fields,
});

const anIssue = (text: string) => ({
  ...{ uid: null, kind: "requestCallback", summary: "Обратный звонок", description: text, address: null },
  ...{ delivery: null, fields: {}, sameness: text },
});

const asked = async ({ phone, account }: SignedInResident, text: string, at = now) =>
  (await openIssue(env, { phone, account }, anIssue(text), undefined, at)).key;

const isThere = async (table: "issues" | "issue_comments", key: string) =>
  (await env.DB.prepare(`SELECT 1 FROM ${table} WHERE operator = ? AND ${table === "issues" ? "key" : "issue_key"} = ?`)
    .bind(MAIN, key)
    .first()) !== null;

const pictures = async (ids: readonly number[]) => {
  const { results } = await env.DB.prepare(
    "SELECT picture FROM appeals WHERE operator = ?1 AND id IN (SELECT value FROM json_each(?2)) UNION ALL SELECT picture FROM appeal_steps WHERE operator = ?1 AND appeal_id IN (SELECT value FROM json_each(?2))",
  )
    .bind(MAIN, JSON.stringify(ids))
    .all<{ picture: string | null }>();
  return results.flatMap(({ picture }) => picture ?? []);
};

test("what nobody has touched for DESK_DAYS goes, with its comments, steps and pictures", async () => {
  const resident = await aResident();
  const [old, living] = [await asked(resident, "давно", ago(40)), await asked(resident, "давно, но", ago(40))];
  for (const key of [old, living]) await commentOwnIssue(env, resident, key, "Жду", ago(39));
  await workOnIssue(env, living, { comment: "Идём" }, ago(2));
  const [gone, stays] = [anAppeal({ photo: photo() }), anAppeal({ photo: photo() })];
  const ids = [await takeAppeal(env, gone, ago(40)), await takeAppeal(env, stays, ago(40))];
  await workOnAppeal(env, ids[0]!, { work: "Смотрели", photo: photo() }, ago(31));
  await workOnAppeal(env, ids[1]!, { work: "Смотрели", photo: photo() }, ago(29));
  const files = await pictures([ids[0]!]);
  expect(files).toHaveLength(2);

  await forgetOldDesk(envWith({ DESK_DAYS: "30" }), now);

  expect([await isThere("issues", old), await isThere("issue_comments", old)]).toEqual([false, false]);
  expect([await isThere("issues", living), await isThere("issue_comments", living)]).toEqual([true, true]);
  expect([await listAppeals(env, gone.uid), await pictures([ids[0]!])]).toEqual([[], []]);
  for (const file of files) expect(await env.FILES.head(file)).toBeNull();
  expect(await listAppeals(env, stays.uid)).toHaveLength(1);
  for (const file of await pictures([ids[1]!])) expect(await env.FILES.head(file)).not.toBeNull();
});

test("a person who is deleted takes their requests along, and their name from what they said of the house", async () => {
  const [leaver, neighbour] = [await aResident(), await aResident()];
  const keys = [await asked(leaver, "один"), await asked(neighbour, "один")];
  await commentOwnIssue(env, leaver, keys[0]!, "Жду");
  await commentOwnIssue(env, neighbour, keys[1]!, "Жду");
  const uid = aUid();
  await takeAppeal(env, anAppeal({ uid, phone: leaver.phone, description: "первая" }));
  await takeAppeal(env, anAppeal({ uid, phone: neighbour.phone, description: "вторая" }));

  await leave(env, leaver);

  expect([await isThere("issues", keys[0]!), await isThere("issue_comments", keys[0]!)]).toEqual([false, false]);
  expect([await isThere("issues", keys[1]!), await isThere("issue_comments", keys[1]!)]).toEqual([true, true]);
  const phones = (await listAppeals(env, uid)).map(({ appeal }) => [appeal.description, appeal.phone]);
  expect(Object.fromEntries(phones)).toEqual({ первая: "", вторая: neighbour.phone });
});

test("a complaint that comes again within minutes is one, be it at the same time", async () => {
  const said = anAppeal();
  const ids = await Promise.all(Array.from({ length: 6 }, () => takeAppeal(env, said, now)));
  expect(new Set(ids).size).toBe(1);
  const [only, ...others] = await listAppeals(env, said.uid);
  expect([others, only!.steps.length]).toEqual([[], 1]);
  const other = await takeAppeal(env, { ...said, description: "Совсем темно" }, now);
  const later = await takeAppeal(env, said, new Date(now.getTime() + 700_000));
  expect(new Set([ids[0], other, later]).size).toBe(3);
});

test("a picture that got lost on the way comes with the next try", async () => {
  const said = { ...anAppeal(), photo: photo() };
  const id = await takeAppeal(env, said, now);
  const [file] = await pictures([id]);
  await env.FILES.delete(file!);
  expect(await takeAppeal(env, said, now)).toBe(id);
  expect(await env.FILES.head(file!)).not.toBeNull();
});

test("a complaint whose picture cannot be kept is not taken, and a full day keeps none", async () => {
  const said = { ...anAppeal(), photo: photo() };
  const put = async () => Promise.reject(new Error("no room"));
  await expect(takeAppeal(envWith({ FILES: { put } }), said, now)).rejects.toThrow("no room");
  expect(await listAppeals(env, said.uid)).toEqual([]);
  const narrow = envWith({ LIMITS: JSON.stringify({ appealsPerDay: 1 }), FILES: { put } });
  await takeAppeal(env, said, now);
  await expect(takeAppeal(narrow, { ...said, description: "Ещё" }, now)).rejects.toMatchObject({ code: "too_many" });
});

test("a day's words are counted over all issues of a person", async () => {
  const narrow = envWith({ LIMITS: JSON.stringify({ issueCommentsPerDay: 3 }) });
  const [writer, other] = [await aResident(), await aResident()];
  const keys = [await asked(writer, "один"), await asked(writer, "два")];
  for (const [i, key] of [keys[0]!, keys[1]!, keys[0]!].entries()) await commentOwnIssue(narrow, writer, key, `${i}`);
  await expect(commentOwnIssue(narrow, writer, keys[1]!, "ещё")).rejects.toMatchObject({ code: "too_many" });
  await commentOwnIssue(narrow, other, await asked(other, "один"), "моё");
});

test("the operator's list shows the latest words of whoever writes without end", async () => {
  const writer = await aResident();
  const key = await asked(writer, "много");
  for (let n = 0; n < 33; n++) await commentOwnIssue(env, writer, key, `слово ${n}`);
  const pages = async (after?: string): Promise<Awaited<ReturnType<typeof listIssues>>[number]> => {
    const page = await listIssues(env, { status: "open", after });
    return page.find(({ issue }) => issue.key === key) ?? pages(page.at(-1)!.issue.key);
  };
  const { comments } = await pages();
  expect(comments.map(({ text }) => text)).toEqual(Array.from({ length: 30 }, (_, i) => `слово ${i + 3}`));
});
