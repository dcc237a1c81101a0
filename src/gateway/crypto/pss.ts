import { bytesOfBase64 } from "./base64.ts";
import { clientKey, spkiOf } from "./rsa-keys.ts";

const PSS = { name: "RSA-PSS", hash: "SHA-512" };
const SALT = 64;

/**
 * Whether the owner of the key (PEM) signed the message: RSASSA-PSS with SHA-512 and 64 bytes of salt, exactly. By WebCrypto, because
 * workerd's node:crypto refuses good signatures. `signature` is base64; false for anything that cannot be read.
 */
export async function verifyPss(pem: string, signature: string, message: string): Promise<boolean> {
  const bytes = bytesOfBase64(signature);
  const der = spkiOf(pem);
  if (!bytes || !der || !clientKey(pem)) return false;
  const key = await crypto.subtle.importKey("spki", new Uint8Array(der), PSS, false, ["verify"]);
  const signed = new TextEncoder().encode(message);
  return await crypto.subtle.verify({ ...PSS, saltLength: SALT }, key, new Uint8Array(bytes), signed);
}
