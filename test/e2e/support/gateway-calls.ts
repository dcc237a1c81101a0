import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { rsaOpen, rsaSeal } from "#gateway/crypto/oaep.ts";
import { INTEGRATION_TOKEN, type Yardgate } from "./server.ts";

export const PASSWORD = "correct horse battery";

/** What the operator's systems and people's phones ask of a Worker that is an SMS gateway. */
export interface GatewayCalls {
  /** A POST that must succeed. A bearer that is not given is the operator's. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  post(path: string, body: unknown, bearer?: string): Promise<any>;
  /** Makes a user with `PASSWORD` and an account at gmail; returns the id. */
  user(phoneNumber: string): Promise<string>;
  /** Makes such a user and syncs, in one step; returns the key that their SMS are written with. */
  syncedKey(phoneNumber: string): Promise<string>;
}

const DIGESTS = { label: "sha256", mgf1: "sha1" } as const;

export function gatewayCalls(yardgate: Yardgate): GatewayCalls {
  const post = async (path: string, body: unknown, bearer = INTEGRATION_TOKEN) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${bearer}` };
    const response = await fetch(yardgate.url + path, { method: "POST", headers, body: JSON.stringify(body) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return text.startsWith("{") ? JSON.parse(text) : text;
  };
  const grant = { name: "gmail", username: "me@example.org", uniqueId: "me@example.org", token: { access_token: "t" } };
  const user = async (phone_number: string) =>
    (await post("/v2/users", { phone_number, password: PASSWORD, name: "Me", platforms: [grant] })).id as string;
  const textAt = async (path: string) => (await fetch(yardgate.url + path)).text();
  const syncedKey = async (phoneNumber: string) => {
    const [id, ours] = [await user(phoneNumber), await textAt("/v2/sync/public-key")];
    const session = (await textAt(`/v2/sync/users/${id}`)).split("/").at(-1);
    const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const request = {
      public_key: String(publicKey.export({ type: "spki", format: "pem" })),
      password: rsaSeal(createPublicKey(ours), PASSWORD, DIGESTS),
    };
    const { shared_key } = await post(`/v2/sync/users/${id}/sessions/${session}/`, request);
    return rsaOpen(privateKey, shared_key, DIGESTS)!;
  };
  return { post, user, syncedKey };
}
