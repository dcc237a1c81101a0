import { env } from "cloudflare:test";
import { newClientKey } from "#gateway/clients/keys.ts";
import { randomDigits } from "#platform/crypto.ts";

/** A number in Cameroon that nobody else has. */
export const aNumber = () => `+23767${randomDigits(7)}`;

/** A gateway client and its key. */
export async function aClient(msisdn = aNumber()): Promise<{ msisdn: string; key: string }> {
  const { key, hash } = newClientKey();
  await env.DB.prepare(
    `INSERT INTO gateway_clients
      (operator, msisdn, country, carrier, carrier_code, country_folded, carrier_folded, protocols,
       last_published_at, key_hash, created_at)
      VALUES ('main', ?, 'Cameroon', 'MTN Cameroon', '62401', 'cameroon', 'mtn cameroon', 'https', ?, ?, ?)`,
  )
    .bind(msisdn, Date.now(), hash, Date.now())
    .run();
  return { msisdn, key };
}
