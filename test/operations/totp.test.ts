import { env } from "cloudflare:test";
import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { SYSTEM } from "#identity/journal/journal.ts";
import { useRecoveryCode } from "#identity/totp/recovery-codes.ts";
import { base32, codeAt, fromBase32, stepOf } from "#identity/totp/rfc6238.ts";
import { checkTotp, confirmTotp, newTotp, totpState } from "#identity/totp/totp.ts";
import { newId } from "#platform/crypto.ts";

const RFC_SECRET = Buffer.from("12345678901234567890");

// RFC 6238, appendix B.
test.each([
  [59, "94287082"],
  [1111111109, "07081804"],
  [1111111111, "14050471"],
  [1234567890, "89005924"],
  [2000000000, "69279037"],
  [20000000000, "65353130"],
])("the code at second %i is the RFC's", (second, code) => {
  expect(codeAt(RFC_SECRET, stepOf(new Date(second * 1000)), 8)).toBe(code);
});

// RFC 4648, §10.
test.each([
  ["f", "MY"],
  ["fo", "MZXQ"],
  ["foo", "MZXW6"],
  ["foob", "MZXW6YQ"],
  ["fooba", "MZXW6YTB"],
  ["foobar", "MZXW6YTBOI"],
])("base32 of %s", (plain, text) => {
  expect(base32(Buffer.from(plain))).toBe(text);
  expect(Buffer.from(fromBase32(text)).toString()).toBe(plain);
});

const NOW = new Date("2026-03-01T12:00:10Z");
const after = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

async function anOwner() {
  const ownerId = newId("acc");
  const { secret, otpauth_uri } = await newTotp(env, "main", { ownerId, label: "anna@example.net" }, SYSTEM, NOW);
  const codeOf = (now: Date) => codeAt(fromBase32(secret), stepOf(now));
  const codes = await confirmTotp(env, "main", { ownerId, code: codeOf(NOW), kind: "account" }, SYSTEM, NOW);
  return { ownerId, otpauth_uri, secret, codeOf, recovery: codes! };
}

test("TOK-15 a secret counts once it is confirmed, and each of its codes opens once", async () => {
  const { ownerId, codeOf, otpauth_uri, secret, recovery } = await anOwner();
  expect(otpauth_uri).toBe(
    `otpauth://totp/Yardgate%3Aanna%40example.net?secret=${secret}&issuer=Yardgate&algorithm=SHA1&digits=6&period=30`,
  );
  expect(recovery).toHaveLength(10);
  expect(await totpState(env, "main", ownerId)).toBe("confirmed");
  expect(await checkTotp(env, "main", ownerId, codeOf(NOW), NOW)).toBe(false);
  const code = codeOf(after(30));
  expect(await checkTotp(env, "main", ownerId, code, after(30))).toBe(true);
  expect(await checkTotp(env, "main", ownerId, code, after(30))).toBe(false);
  expect(await checkTotp(env, "main", ownerId, codeOf(NOW), after(31))).toBe(false);
});

test("TOK-15 a code is good half a minute around its time, and no longer", async () => {
  const { ownerId, codeOf } = await anOwner();
  expect(await checkTotp(env, "main", ownerId, codeOf(after(120)), after(60))).toBe(false);
  expect(await checkTotp(env, "main", ownerId, codeOf(after(60)), after(120))).toBe(false);
  expect(await checkTotp(env, "main", ownerId, codeOf(after(90)), after(60))).toBe(true);
  expect(await checkTotp(env, "main", ownerId, codeOf(after(120)), after(150))).toBe(true);
});

test("TOK-15 of many requests with one code one gets in", async () => {
  const { ownerId, codeOf } = await anOwner();
  const code = codeOf(after(60));
  const answers = await Promise.all(Array.from({ length: 20 }, () => checkTotp(env, "main", ownerId, code, after(60))));
  expect(answers.filter(Boolean)).toHaveLength(1);
});

test("TOK-15 a secret that was not confirmed opens nothing, and a confirmed one is not replaced", async () => {
  const ownerId = newId("acc");
  const first = await newTotp(env, "main", { ownerId, label: "x" }, SYSTEM, NOW);
  const { secret } = await newTotp(env, "main", { ownerId, label: "x" }, SYSTEM, NOW);
  const codeOf = (text: string) => codeAt(fromBase32(text), stepOf(NOW));
  expect(await checkTotp(env, "main", ownerId, codeOf(secret), NOW)).toBe(false);
  const confirm = (code: string) => confirmTotp(env, "main", { ownerId, code, kind: "account" }, SYSTEM, NOW);
  expect(await confirm(codeOf(first.secret))).toBeUndefined();
  expect(await confirm(codeOf(secret))).toHaveLength(10);
  await expect(newTotp(env, "main", { ownerId, label: "x" }, SYSTEM, NOW)).rejects.toMatchObject({
    reason: "totp_exists",
  });
});

test("TOK-15 two confirmations at once leave one set of recovery codes that works", async () => {
  const ownerId = newId("acc");
  const { secret } = await newTotp(env, "main", { ownerId, label: "x" }, SYSTEM, NOW);
  const code = codeAt(fromBase32(secret), stepOf(NOW));
  const confirm = () => confirmTotp(env, "main", { ownerId, code, kind: "account" }, SYSTEM, NOW);
  const sets = (await Promise.all([confirm(), confirm(), confirm()])).filter((set) => set !== undefined);
  expect(sets).toHaveLength(1);
  const use = (text: string) => useRecoveryCode(env, "main", { ownerId, code: text, kind: "account" }, SYSTEM, NOW);
  for (const text of sets[0]!) expect(await use(text)).toBe(true);
});

test("TOK-15 a recovery code opens once, typed as people type", async () => {
  const { ownerId, recovery } = await anOwner();
  const use = (code: string) => useRecoveryCode(env, "main", { ownerId, code, kind: "account" }, SYSTEM, NOW);
  expect(await use(recovery[0]!.toUpperCase().replaceAll("-", " "))).toBe(true);
  expect(await use(recovery[0]!)).toBe(false);
  expect(await use("aaaa-bbbb")).toBe(false);
  const stored = await env.DB.prepare("SELECT hash FROM recovery_codes WHERE owner_id = ?").bind(ownerId).all();
  expect(JSON.stringify(stored.results)).not.toContain(recovery[1]!.replaceAll("-", ""));
});
