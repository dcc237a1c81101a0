import { Buffer } from "node:buffer";
import { createHmac, scryptSync } from "node:crypto";
import bcrypt from "bcryptjs";
import { expect, test, vi } from "vitest";
import { parseKeyring } from "#platform/crypto.ts";
import { hashPassword, needsRehash, verifyAgainstNothing, verifyPassword } from "#platform/passwords.ts";
import source from "../../src/platform/passwords.ts?raw";

const [one, two] = [Buffer.alloc(32, 1).toString("base64"), Buffer.alloc(32, 2).toString("base64")];
const PEPPERS = parseKeyring(JSON.stringify({ p1: one }));
const text = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");

/** RFC 7914's third vector, as the hash of a password without a pepper. */
const UNPEPPERED = (() => {
  const hash =
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2" +
    "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887";
  return `$scrypt$ln=14,r=8,p=1$${text(Buffer.from("SodiumChloride"))}$${text(Buffer.from(hash, "hex"))}`;
})();

test("a password verifies against its own hash, which is new each time and says how it was made", async () => {
  const [first, second] = [await hashPassword("пароль é", PEPPERS), await hashPassword("пароль é", PEPPERS)];
  expect(first).toMatch(/^\$scrypt\$ln=\d+,r=8,p=5,k=p1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(first).not.toBe(second);
  expect(needsRehash(first, PEPPERS)).toBe(false);
  expect(await verifyPassword("пароль é".normalize("NFD"), first, PEPPERS)).toBe(true);
  for (const wrong of ["Пароль é", "пароль é ", "пароль e", ""]) {
    expect([wrong, await verifyPassword(wrong, first, PEPPERS)]).toEqual([wrong, false]);
  }
});

test("a hash is the scrypt of the password's HMAC under the pepper, as anybody can compute it", async () => {
  const hash = await hashPassword("Ｆullwidth ﬁ", PEPPERS);
  const [salt, key] = hash.split("$").slice(3) as [string, string];
  const N = 2 ** Number(/ln=(\d+)/.exec(hash)![1]);
  const pepper = createHmac("sha256", Buffer.alloc(32, 1)).update("yardgate/password").digest();
  const secret = createHmac("sha256", pepper).update("Ｆullwidth ﬁ").digest();
  const expected = scryptSync(secret, Buffer.from(salt, "base64"), 32, { N, r: 8, p: 5, maxmem: 2 ** 26 });
  expect(text(expected)).toBe(key);
});

test("a hash takes 16 MiB, but for those of the tests", () => {
  expect(source).toContain("const LOG_N = 14;");
  expect(source).toContain("{ N: 2 ** LOG_N, r: 8, p: 5 }");
});

test("a new pepper leaves old hashes valid and asks for new ones; a pepper that is gone ends them", async () => {
  const error = vi.spyOn(console, "error").mockImplementation(() => {});
  const old = await hashPassword("correct horse", PEPPERS);
  const replaced = parseKeyring(JSON.stringify({ p2: two, p1: one }));
  expect(await verifyPassword("correct horse", old, replaced)).toBe(true);
  expect(needsRehash(old, replaced)).toBe(true);
  expect(await verifyPassword("correct horse", old, parseKeyring(JSON.stringify({ p2: two })))).toBe(false);
  expect(await verifyPassword("correct horse", old, parseKeyring(JSON.stringify({ p1: two })))).toBe(false);
  expect(error.mock.calls).toEqual([[expect.any(String), "p1"]]);
  error.mockRestore();
});

test("a hash from before there was a pepper still verifies, and asks for a new one", async () => {
  expect(await verifyPassword("pleaseletmein", UNPEPPERED, PEPPERS)).toBe(true);
  expect(await verifyPassword("ｐleaseletmein", UNPEPPERED, PEPPERS)).toBe(true);
  expect(await verifyPassword("pleaseletmeout", UNPEPPERED, PEPPERS)).toBe(false);
  expect(needsRehash(UNPEPPERED, PEPPERS)).toBe(true);
});

test("an imported bcrypt hash verifies once and asks for one of ours", async () => {
  const made = bcrypt.hashSync("пароль из старой системы", 4);
  for (const imported of ["$2a$", "$2b$", "$2y$"].map((prefix) => prefix + made.slice(4))) {
    expect(await verifyPassword("пароль из старой системы", imported, PEPPERS)).toBe(true);
    expect(await verifyPassword("пароль из новой системы", imported, PEPPERS)).toBe(false);
    expect(needsRehash(imported, PEPPERS)).toBe(true);
  }
  // John the Ripper's test vector.
  const known = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
  expect(await verifyPassword("U*U", known, PEPPERS)).toBe(true);
});

test("a login that nobody has costs a hash and is never right", async () => {
  expect(await verifyAgainstNothing("", PEPPERS)).toBe(false);
});

const [salt, hash] = ["c2FsdHNhbHRzYWx0", "aGFzaGhhc2hoYXNoaGFzaGhhc2g"];

test.each([
  "",
  "plain",
  "$2b$10$abcdefghijklmnopqrstuv",
  `$2b$31$${"a".repeat(53)}`,
  `$2b$00$${"a".repeat(53)}`,
  `$scrypt$ln=30,r=8,p=1$${salt}$${hash}`,
  `$scrypt$ln=0,r=8,p=1$${salt}$${hash}`,
  `$scrypt$ln=14,r=99,p=1$${salt}$${hash}`,
  `$scrypt$ln=14,r=8,p=0$${salt}$${hash}`,
  `$scrypt$ln=14,r=8,p=9,k=p1$${salt}$${hash}`,
  `$scrypt$ln=16,r=16,p=1,k=p1$${salt}$${hash}`,
  `$scrypt$ln=14,r=8,p=1,k=$${salt}$${hash}`,
  `$scrypt$ln=14,r=8,p=1$${salt}$short`,
  `$scrypt$ln=1,r=1,p=1$${salt}$${"a".repeat(200)}`,
  `$scrypt$ln=1,r=1,p=1,k=p1$${salt}$${hash}\n`,
])("%j is no hash that anything verifies against", async (phc) => {
  expect(await verifyPassword("password", phc, PEPPERS)).toBe(false);
  expect(needsRehash(phc, PEPPERS)).toBe(true);
});

test.each([
  ["another N", "ln=13,r=8,p=5,k=p1", 32],
  ["another r", "ln=14,r=4,p=5,k=p1", 32],
  ["another p", "ln=14,r=8,p=1,k=p1", 32],
  ["a short hash", "ln=14,r=8,p=5,k=p1", 16],
])("%s asks for a new hash", (_, parameters, length) => {
  const phc = `$scrypt$${parameters}$${text(Buffer.alloc(16))}$${text(Buffer.alloc(length))}`;
  expect(needsRehash(phc, PEPPERS)).toBe(true);
});
