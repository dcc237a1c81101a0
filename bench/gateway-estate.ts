const DAY_MS = 86_400_000;
const AT_ONCE = 50_000;
const CLIENTS = 10_000;

/** The gateway's number of a phone that relays: `n` below CLIENTS. */
export const clientNumber = (n: number): string => `+2376${String(n).padStart(8, "0")}`;

/** A gateway of a whole country: ten thousand clients with ten tests each, as many seeds, a hundred thousand users and SMS. */
export async function fillGateway(db: D1Database, now = Date.now()): Promise<void> {
  const fill = async (table: string, rows: number, columns: string, values: string) => {
    for (let start = 0; start < rows; start += AT_ONCE)
      await db
        .prepare(
          `WITH RECURSIVE n (i) AS (SELECT ?1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < min(?2, ?3))
           INSERT INTO ${table} (operator, ${columns}) SELECT 'main', ${values} FROM n WHERE ?4 > 0`,
        )
        .bind(start, start + AT_ONCE, rows, now)
        .run();
  };
  const number = "printf('+2376%08d', i % 10000)";
  const past = `?4 - (i % 100) * ${DAY_MS} / 2`;
  await fill(
    ...(["gateway_clients", CLIENTS] as const),
    "msisdn, country, carrier, carrier_code, country_folded, carrier_folded, protocols, key_hash, last_published_at, created_at",
    `${number}, 'Cameroon', 'MTN', '62401', 'cameroon', 'mtn', 'https,smtp', 'bench-' || i, ?4, ?4`,
  );
  const ended = `'success', ${past}, ${past}, ${past}, ${past}`;
  await fill(
    "gateway_tests",
    10 * CLIENTS,
    "msisdn, status, started_at, sent_at, received_at, routed_at",
    `${number}, ${ended}`,
  );
  const seed = `${number}, 'seed'`;
  await fill(
    "gateway_seeds",
    CLIENTS,
    "imsi, msisdn, seed_type, address, pinged_at",
    `'62401' || i, ${seed}, '::', ${past}`,
  );
  await fill(
    "gateway_seed_log",
    10 * CLIENTS,
    "id, imsi, msisdn, seed_type, address, at",
    `'bench-' || i, '62401' || (i % 10000), ${seed}, '::', ${past}`,
  );
  await fill(
    "gateway_users",
    100_000,
    "id, account_id, msisdn_hash, created_at",
    "'bench-' || i, 'bench-' || i, printf('%0128d', i), ?4",
  );
  await fill(
    ...(["gateway_messages", 100_000] as const),
    "id, source, state, next_attempt_at, created_at, updated_at",
    `'bench-' || i, 'gmail', iif(i % 10, 'published', 'dead'), ?4 - (i % 20) * ${DAY_MS}, ?4, ?4`,
  );
  await fill(
    ...(["inbound_messages", 100_000] as const),
    "id, sender, recipient, text, received_at, heard_at",
    `'bench-' || i, '', '', '', ${past}, ?4`,
  );
}
