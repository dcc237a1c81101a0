import { env } from "cloudflare:test";
import { expect, test, vi } from "vitest";
import { requestCode } from "#identity/login/login.ts";
import { restoreContacts, sendRestoreCode } from "#premises/guests/restore.ts";
import { aContract, aPhone, aResident, outside } from "../support/world.ts";

const HOUR = 3_600_000;

test("Defect 9: whoever asks for a contract's codes all day leaves its holder codes to sign in by", async () => {
  vi.spyOn(console, "warn").mockImplementation(() => {});
  outside();
  const [phone, stranger] = [aPhone(), await aResident()];
  const contract = `c${await aContract({ phones: [phone] })}`;
  const [contact] = await restoreContacts(env, stranger, contract, "10.1.2.3");
  const start = Date.now();
  const outcomes: string[] = [];
  for (let i = 0; i < 6; i++) {
    const asked = { contract, contactId: contact!.id };
    const sent = sendRestoreCode(env, stranger, asked, "10.1.2.3", new Date(start + i * HOUR));
    outcomes.push(await sent.then(() => "sent").catch((error: { code: string }) => error.code));
  }
  expect(outcomes).toEqual(["sent", "sent", "sent", "too_many", "too_many", "too_many"]);
  const client = { address: "10.4.5.6", install: undefined, agent: "", device: null };
  expect(await requestCode(env, { phone, client }, new Date(start + 6 * HOUR))).toEqual({ method: "sms" });
});
