import { Buffer } from "node:buffer";
import { expect, test } from "vitest";
import { hashPassword, verifyPassword } from "#platform/passwords.ts";

test("a password verifies against its own hash, which is new each time", async () => {
  const [one, two] = [await hashPassword("пароль"), await hashPassword("пароль")];
  expect(one).toMatch(/^\$scrypt\$ln=14,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
  expect(one).not.toBe(two);
  expect(await verifyPassword("пароль", one)).toBe(true);
  expect(await verifyPassword("Пароль", one)).toBe(false);
  expect(await verifyPassword("", one)).toBe(false);
});

test("RFC 7914's vector of the same cost verifies", async () => {
  const hash = Buffer.from(
    "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2" +
      "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    "hex",
  );
  const text = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
  const phc = `$scrypt$ln=14,r=8,p=1$${text(Buffer.from("SodiumChloride"))}$${text(hash)}`;
  expect(await verifyPassword("pleaseletmein", phc)).toBe(true);
  expect(await verifyPassword("pleaseletmeout", phc)).toBe(false);
});

test.each([
  "",
  "plain",
  "$2b$10$abcdefghijklmnopqrstuv",
  "$scrypt$ln=30,r=8,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
  "$scrypt$ln=14,r=99,p=1$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
  "$scrypt$ln=14,r=8,p=0$c2FsdHNhbHRzYWx0$aGFzaGhhc2hoYXNoaGFzaGhhc2g",
  "$scrypt$ln=14,r=8,p=1$c2Fs$short",
])("%j is no hash that anything verifies against", async (phc) => {
  expect(await verifyPassword("password", phc)).toBe(false);
});
