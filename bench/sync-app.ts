import { constants, generateKeyPairSync, privateDecrypt, publicEncrypt } from "node:crypto";
import { aPhone, TOKEN } from "./world.ts";

const PASSWORD = "seventeen quiet lamps";
const json = { "Content-Type": "application/json" };
const padding = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: "sha256" };

const { publicKey, privateKey } = generateKeyPairSync("rsa", {
  ...{ modulusLength: 2048, publicKeyEncoding: { type: "spki", format: "pem" } },
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
});

/** What the app of any user says when it has scanned a code. */
export const handshakeBody = { public_key: publicKey };

/** And then, encrypted to this gateway; each time it looks different. */
export async function passwordBody(url: URL, password = PASSWORD): Promise<() => object> {
  const key = await (await fetch(new URL("/v2/sync/public-key", url))).text();
  return () => ({
    password: publicEncrypt({ key, ...padding }, Buffer.from(password)).toString("base64"),
    ...{ decryption_hash: "sha256", encryption_hash: "sha256" },
  });
}

/** Throws unless the answer to the password holds a key that the app can read. */
export function demandSharedKey(answer: string): void {
  const { shared_key } = JSON.parse(answer) as { shared_key: string };
  const key = privateDecrypt({ key: privateKey, ...padding }, Buffer.from(shared_key, "base64")).toString();
  if (!/^[0-9a-f]{32}$/.test(key)) throw new Error(`${key} is no shared key`);
}

/** Makes a user of the gateway whose password this app knows. Returns the id. */
export async function aGatewayUser(url: URL): Promise<string> {
  const answer = await fetch(new URL("/v2/users", url), {
    method: "POST",
    headers: { ...json, Authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify({ phone_number: `+${aPhone()}`, password: PASSWORD, platforms: [] }),
  });
  const text = await answer.text();
  if (answer.status !== 201) throw new Error(`a user was answered ${answer.status}: ${text}`);
  return (JSON.parse(text) as { id: string }).id;
}
