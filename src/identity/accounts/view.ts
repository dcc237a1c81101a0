import type { Env } from "#env.ts";
import { fail } from "#operator/error-catalogue.ts";
import { database } from "#platform/db.ts";
import { profileOf } from "./queries.ts";

const timeOf = (time: Date | null) => time?.toISOString() ?? null;

/** A phone in the form of E.164, which is stored without its plus; an address as it is. */
export const written = ({ type, value }: { type: "phone" | "email"; value: string }): string =>
  type === "phone" ? `+${value}` : value;

/** An account as its owner sees it. Throws `account_not_found`. */
export async function accountView(env: Env, operator: string, id: string) {
  const db = database(env);
  const [[account], identifiers] = await db.batch(profileOf(db, operator, id));
  if (!account) throw fail("account_not_found");
  const { name, patronymic, lang, avatar, status, twoStep, createdAt, ver } = account;
  return {
    ...{ id, name, patronymic, lang, avatar, status, two_step: twoStep },
    identifiers: identifiers.map((identifier) => ({
      ...{ id: identifier.id, type: identifier.type, value: written(identifier) },
      verified_at: timeOf(identifier.verifiedAt),
    })),
    created_at: createdAt.toISOString(),
    version: ver,
  };
}
