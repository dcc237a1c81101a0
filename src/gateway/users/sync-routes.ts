import { Hono } from "hono";
import type { AppEnv } from "#platform/http.ts";
import { digestNamed } from "../crypto/oaep.ts";
import { demandText, lenientObject, onlyMethods, onTextError, text } from "../wire.ts";
import { forgetKey, keyOf } from "./verification.ts";

/** /v2/sync/users/verification and DELETE /v2/sync/users: whether a key is still the one, and that it is to be forgotten. */
export const keyChecks = new Hono<AppEnv>().onError(onTextError);

keyChecks.post("/v2/sync/users/verification", async (c) => {
  const { msisdn, msisdn_signature, mgf1ParameterSpec, hashingAlgorithm } = await lenientObject(c);
  const sharedKey = await keyOf(c.env, {
    msisdn: demandText(msisdn, "missing msisdn"),
    signature: demandText(msisdn_signature, "missing signature"),
    digests: { label: digestNamed(hashingAlgorithm, "sha256"), mgf1: digestNamed(mgf1ParameterSpec, "sha1") },
  });
  return c.json({ shared_key: sharedKey });
});
keyChecks.all("/v2/sync/users/verification", onlyMethods("OPTIONS", "POST"));

keyChecks.delete("/v2/sync/users", async (c) => {
  const { msisdn_hashed } = await lenientObject(c);
  await forgetKey(c.env, demandText(msisdn_hashed, "missing msisdn"));
  return text(c, "OK");
});
keyChecks.all("/v2/sync/users", onlyMethods("DELETE", "OPTIONS"));
