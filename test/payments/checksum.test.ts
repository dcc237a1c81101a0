import { Buffer } from "node:buffer";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { canonical, isSigned } from "#payments/banks/checksum.ts";
import { FakeBank } from "../support/bank.ts";

const bank = new FakeBank();
const key = await bank.publicKey();
const paid = { orderNumber: "1042", mdOrder: "1b2c", operation: "deposited", status: "1" };

test("what is signed is every parameter but the signature's own, by name", () => {
  const parameters = new URLSearchParams(
    "status=1&checksum=AB&orderNumber=1042&sign_alias=x&mdOrder=1b2c&operation=deposited",
  );
  expect(canonical(parameters)).toBe("mdOrder;1b2c;operation;deposited;orderNumber;1042;status;1;");
});

test("values count as they are, whatever letters they have", async () => {
  const value = fc.string({ unit: "grapheme", maxLength: 20 });
  const name = fc.stringMatching(/^[a-zA-Z]{1,12}$/).filter((text) => !["checksum", "sign_alias"].includes(text));
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, value, { noNullPrototype: true }), async (more) => {
      const signed = await bank.sign({ ...more, ...paid });
      expect(isSigned(new URLSearchParams(signed.toString()), key)).toBe(true);
      signed.set("status", "0");
      expect(isSigned(signed, key)).toBe(false);
    }),
    { numRuns: 25 },
  );
});

test("quotes, brackets and commas are part of a value", async () => {
  const signed = await bank.sign({ ...paid, description: `Оплата "по договору" (20017), 'да'; + & =` });
  expect(isSigned(new URLSearchParams(signed.toString()), key)).toBe(true);
  signed.set("description", "Оплата по договору 20017 да; + & =");
  expect(isSigned(signed, key)).toBe(false);
});

test("the checksum may be in capitals or not", async () => {
  const signed = await bank.sign(paid);
  signed.set("checksum", signed.get("checksum")!.toLowerCase());
  expect(isSigned(signed, key)).toBe(true);
});

const pem = (label: string, der: Buffer | string) =>
  `-----BEGIN ${label}-----\n${Buffer.from(der as string, "base64")
    .toString("base64")
    .replace(/.{64}/g, "$&\n")}\n-----END ${label}-----\n`;

// X.509 by hand: a certificate is a list of lists around the key.
const der = (tag: number, ...parts: Uint8Array[]): Uint8Array => {
  const body = Buffer.concat(parts);
  const size = body.length < 128 ? [body.length] : [0x82, body.length >> 8, body.length & 255];
  return Buffer.concat([Uint8Array.from([tag, ...size]), body]);
};
const algorithm = der(0x30, Buffer.from("06092a864886f70d01010d0500", "hex"));
const nobody = der(0x30);
const day = (text: string) => der(0x17, Buffer.from(text));
function certificateOf(spki: string): string {
  const version = der(0xa0, Uint8Array.from([2, 1, 2]));
  const serial = Uint8Array.from([2, 1, 1]);
  const life = der(0x30, day("260101000000Z"), day("360101000000Z"));
  const signed = der(0x30, version, serial, algorithm, nobody, life, nobody, Buffer.from(spki, "base64"));
  return Buffer.from(der(0x30, signed, algorithm, der(0x03, new Uint8Array(257)))).toString("base64");
}

test.each<[string, (spki: string) => string]>([
  ["the bare key", (spki) => spki],
  ["the key as PEM", (spki) => pem("PUBLIC KEY", spki)],
  ["a PEM in one line", (spki) => pem("PUBLIC KEY", spki).replaceAll("\n", "\\n")],
  ["a certificate as PEM", (spki) => pem("CERTIFICATE", certificateOf(spki))],
  [
    "a certificate after its description",
    (spki) => `Certificate:\n    Data: …\n${pem("CERTIFICATE", certificateOf(spki))}`,
  ],
  ["a bare certificate", certificateOf],
])("SBER_PUBLIC_KEY may be %s", async (_, form) => {
  const signed = await bank.sign(paid);
  expect(isSigned(signed, form(key))).toBe(true);
  signed.set("orderNumber", "1043");
  expect(isSigned(signed, form(key))).toBe(false);
});

test.each<[string, (signed: URLSearchParams) => void]>([
  ["no checksum", (signed) => signed.delete("checksum")],
  ["an empty one", (signed) => signed.set("checksum", "")],
  ["one that is no hex", (signed) => signed.set("checksum", "zz".repeat(256))],
  ["half a byte", (signed) => signed.set("checksum", signed.get("checksum")!.slice(1))],
  ["one for another order", (signed) => signed.set("orderNumber", "1")],
  ["a parameter more", (signed) => signed.set("amount", "1")],
  ["a parameter twice", (signed) => signed.append("status", "1")],
  ["two checksums", (signed) => signed.append("checksum", signed.get("checksum")!)],
])("%s is no signature", async (_, spoil) => {
  const signed = await bank.sign(paid);
  spoil(signed);
  expect(isSigned(signed, key)).toBe(false);
});

test("another bank's key signs nothing here", async () => {
  expect(isSigned(await bank.sign(paid), await new FakeBank().publicKey())).toBe(false);
});
