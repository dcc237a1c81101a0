import * as z from "zod";
import type { Env } from "#env.ts";
import { newId } from "#platform/crypto.ts";
import { database, isDuplicate } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import type { Actor } from "../journal/journal.ts";
import { check } from "../wire/input.ts";
import { enrolmentCredential, keyCredential, PublicKey } from "./credentials.ts";
import { idsBySerial, type Row, storeImported, takenCredentials } from "./import-queries.ts";

/** As it is printed on the unit. */
export const Serial = z.string().regex(/^[\x21-\x7e]([\x20-\x7e]{0,62}[\x21-\x7e])?$/);
export const Model = z.string().trim().min(1).max(64);

const Hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/i)
  .transform((hash) => hash.toLowerCase());

const Import = z.object({
  serial: Serial,
  model: Model,
  operator: z.string().nullish(),
  claim_code_hash: Hash.nullish(),
  enrolment_secret_hash: Hash.nullish(),
  public_key: PublicKey.nullish(),
});

/** What became of one row. */
export interface Imported {
  serial: string | null;
  id?: string;
  status: "created" | "exists" | "invalid";
  error?: string;
}

const MOST = 1000;
const AT_ONCE = 250;

/**
 * Registers what the factory made: at most 1000 rows `{serial, model, operator?, claim_code_hash?, public_key?,
 * enrolment_secret_hash?}`. A row that cannot be taken spoils no other; a serial that is known stays as it is.
 * Throws `validation_failed` for what is no such list.
 */
export async function importControllers(
  env: Env,
  operator: string,
  rows: unknown,
  actor: Actor,
  now = new Date(),
): Promise<Imported[]> {
  const list = check(z.array(z.unknown()).min(1).max(MOST), rows);
  const results: Imported[] = [];
  for (let from = 0; from < list.length; from += AT_ONCE) {
    const read = await Promise.all(list.slice(from, from + AT_ONCE).map((row) => parse(operator, row)));
    results.push(...(await store(env, operator, read, actor, now)));
  }
  return results;
}

type Parsed = Row | Imported;
const isRow = (parsed: Parsed): parsed is Row => "credentials" in parsed;

async function parse(operator: string, row: unknown): Promise<Parsed> {
  const named = z.object({ serial: z.string() }).safeParse(row);
  const refused = (error: string): Imported => ({ serial: named.data?.serial ?? null, status: "invalid", error });
  const { data, error } = Import.safeParse(row);
  if (!data) return refused(`/${error.issues[0]!.path.join("/")}: ${error.issues[0]!.message}`);
  if (data.operator && data.operator !== operator) return refused("/operator: another operator's");
  const { serial, model, claim_code_hash: claimHash, enrolment_secret_hash: proof, public_key: key } = data;
  try {
    const credentials = [...(proof ? [enrolmentCredential(proof)] : []), ...(key ? [await keyCredential(key)] : [])];
    return { id: newId("dev"), serial, model, claimHash: claimHash ?? null, credentials };
  } catch (cause) {
    if (cause instanceof AppError) return refused("/public_key: no point of the curve");
    throw cause;
  }
}

async function store(
  env: Env,
  operator: string,
  parsed: readonly Parsed[],
  actor: Actor,
  now: Date,
  again = false,
): Promise<Imported[]> {
  const db = database(env);
  const rows = parsed.filter(isRow);
  const serials = rows.map(({ serial }) => serial);
  const held = rows.flatMap(({ credentials }) => credentials.map(({ id }) => id));
  const [known, taken] = await db.batch([idsBySerial(db, operator, serials), takenCredentials(db, operator, held)]);
  const judged = judge(parsed, new Set(known.map(({ serial }) => serial)), new Set(taken.map(({ id }) => id)));
  try {
    const fresh = judged.filter(isRow);
    const stored = fresh.length > 0 ? (await storeImported(db, operator, fresh, actor, now)).at(-1) : [];
    const ids = new Map([...known, ...(stored as typeof known)].map(({ serial, id }) => [serial, id]));
    return judged.map((row) => told(row, ids));
  } catch (error) {
    // Somebody enrolled with one of the keys in between.
    if (again || !isDuplicate(error)) throw error;
    return store(env, operator, parsed, actor, now, true);
  }
}

/** Refuses new rows with a key that another controller has, in the list or before it. */
function judge(parsed: readonly Parsed[], known: ReadonlySet<string>, taken: ReadonlySet<string>): Parsed[] {
  const owners = new Map<string, string>();
  return parsed.map((row) => {
    if (!isRow(row) || known.has(row.serial)) return row;
    const isShared = ({ id }: { id: string }) => taken.has(id) || (owners.get(id) ?? row.serial) !== row.serial;
    if (row.credentials.some(isShared))
      return { serial: row.serial, status: "invalid", error: "another controller has this credential" };
    for (const { id } of row.credentials) owners.set(id, row.serial);
    return row;
  });
}

function told(row: Parsed, ids: ReadonlyMap<string, string>): Imported {
  if (!isRow(row)) return row;
  const id = ids.get(row.serial);
  return { serial: row.serial, ...(id !== undefined && { id }), status: id === row.id ? "created" : "exists" };
}
