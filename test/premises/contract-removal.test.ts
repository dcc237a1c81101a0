import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { listAppeals, takeAppeal } from "#operator/desk/appeals.ts";
import { changeBills, listBills } from "#operator/desk/housing-bills.ts";
import { forgetOldDesk } from "#operator/desk/retention.ts";
import { photoOf } from "#platform/photos.ts";
import { removeContract } from "#premises/contracts.ts";
import { faceKey } from "#premises/faces/faces.ts";
import { aContract, aPhone, aUid } from "../support/world.ts";

const MAIN = "main";
const photo = () => photoOf(Buffer.from(`ffd8ffe0${"07".repeat(32)}`, "hex").toString("base64"));

async function aFace(uid: number, id: number): Promise<void> {
  await env.DB.prepare("INSERT INTO faces (operator, uid, id, account_id, created_at) VALUES (?, ?, ?, 'a', 1)")
    .bind(MAIN, uid, id)
    .run();
  await env.FILES.put(faceKey(uid, id), "a face");
}

const facesIn = async (table: "faces" | "faces_to_forget", ids: readonly number[]) => {
  const { results } = await env.DB.prepare(
    `SELECT id FROM ${table} WHERE operator = ? AND id IN (SELECT value FROM json_each(?))`,
  )
    .bind(MAIN, JSON.stringify(ids))
    .all<{ id: number }>();
  return results.map(({ id }) => id);
};

test("with a contract its faces go, the face server is to forget those that no other flat has marked", async () => {
  const [gone, stays] = [await aContract(), await aContract()];
  const [own, shared] = [aUid(), aUid()];
  await aFace(gone, own);
  await aFace(gone, shared);
  await aFace(stays, shared);
  await removeContract(env, { uid: gone });
  expect(await facesIn("faces", [own, shared])).toEqual([shared]);
  expect(await facesIn("faces_to_forget", [own, shared])).toEqual([own]);
  const files = [faceKey(gone, own), faceKey(gone, shared), faceKey(stays, shared)];
  expect((await Promise.all(files.map((file) => env.FILES.head(file)))).map((file) => file !== null)).toEqual([
    ...[false, false, true],
  ]);
});

test("whoever gets a contract's number next sees neither its complaints nor its bills, and the sweep takes their pictures", async () => {
  const [gone, stays] = [await aContract(), await aContract()];
  const said = { phone: aPhone(), address: "ул. Мира, д. 3", categoryId: 1, description: "Темно", photo: photo() };
  for (const uid of [gone, stays]) await takeAppeal(env, { ...said, uid });
  const picture = async (uid: number) => (await listAppeals(env, uid))[0]!.appeal.picture!;
  const files = [await picture(gone), await picture(stays)];
  const bill = { name: "Водоканал", client: "1", paymentLink: "", balance: 0, amount: 5, current: 0, arrears: 0 };
  await changeBills(env, { bills: [gone, stays].map((uid) => ({ ...bill, uid })), uids: [] });

  await removeContract(env, { uid: gone });

  expect([await listAppeals(env, gone), await listBills(env, [gone])]).toEqual([[], []]);
  expect([(await listAppeals(env, stays)).length, (await listBills(env, [stays])).length]).toEqual([1, 1]);
  await forgetOldDesk(env);
  const kept = await Promise.all(files.map((file) => env.FILES.head(file)));
  expect(kept.map((file) => file !== null)).toEqual([false, true]);
});
