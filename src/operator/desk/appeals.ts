import { type Env, settings } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { database, isNullRefused } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { dropFiles, keepFile } from "#platform/files.ts";
import type { Photo } from "#platform/photos.ts";
import {
  appealsIn,
  appealsOf,
  categoriesOf,
  insertAppeal,
  insertFirstStep,
  insertStep,
  replaceCategories,
  updateAppeal,
} from "./appeal-queries.ts";
import { takeDeskNumber } from "./number-queries.ts";
import type { Appeal } from "./tables.ts";

// Complaints about the house, and what was done about them.

const DAY_MS = 86_400_000;
const SHOWN = 200;
const PAGE = 100;

export interface Category {
  id: number;
  name: string;
}

/** What a house has trouble with, until the operator names its own categories. */
const USUAL_CATEGORIES: Category[] = [
  ...["Лифт", "Уборка подъезда", "Уборка двора", "Отопление", "Водоснабжение", "Электричество", "Кровля и фасад"],
  ...["Домофон и двери", "Видеонаблюдение", "Шум", "Вывоз мусора", "Парковка", "Другое"],
].map((name, i) => ({ id: i + 1, name }));

/** The known states, and how a resident is told of each that comes without words. */
export const APPEAL_STATES: Record<number, string> = { 1: "Принято", 2: "В работе", 3: "Отклонено", 14: "Закрыто" };

const orUsual = (own: Category[]) => (own.length > 0 ? own : USUAL_CATEGORIES);

/** What complaints may be about: the operator's list, or the usual one. */
export async function listCategories(env: Env): Promise<Category[]> {
  return orUsual(await categoriesOf(database(env), settings(env).OPERATOR));
}

/** Replaces the operator's list; an empty one brings the usual one back. */
export async function changeCategories(env: Env, categories: readonly Category[]): Promise<void> {
  await database(env).batch([...replaceCategories(database(env), settings(env).OPERATOR, categories)]);
}

export interface NewAppeal extends Pick<Appeal, "uid" | "phone" | "address" | "categoryId" | "description"> {
  photo?: Photo | undefined;
}

/** Takes a complaint and answers its number. Throws `invalid` for an unknown category, `too_many` above LIMITS.appealsPerDay. */
export async function takeAppeal(env: Env, { photo, ...appeal }: NewAppeal, now = new Date()): Promise<number> {
  const [db, { OPERATOR: operator, LIMITS }] = [database(env), settings(env)];
  const categories = await listCategories(env);
  if (!categories.some(({ id }) => id === appeal.categoryId))
    throw new AppError("invalid", "There is no such category");
  const picture = photo ? await keepPhoto(env, photo) : null;
  const row = { ...appeal, operator, picture, status: 1, createdAt: now, updatedAt: now };
  const first = { operator, kind: "status" as const, text: APPEAL_STATES[1]!, picture: null, createdAt: now };
  try {
    const day = { limit: LIMITS.appealsPerDay, since: new Date(now.getTime() - DAY_MS) };
    const number = takeDeskNumber(db, operator, "appeal");
    const [, [taken]] = await db.batch([number, insertAppeal(db, row, day), insertFirstStep(db, first)]);
    return taken!.id;
  } catch (cause) {
    if (picture) await dropFiles(env, [picture]);
    if (!isNullRefused(cause)) throw cause;
    throw new AppError("too_many", "Too many for one day", { retryAfter: 3600, cause });
  }
}

/** Keys of the pictures in R2. The last part is the name in the link. */
export const appealPicture = (file: string): string => `appealdoc/${file}`;

async function keepPhoto(env: Env, { bytes, type, extension }: Photo): Promise<string> {
  const key = appealPicture(`${randomId(16)}.${extension}`);
  await keepFile(env, key, bytes, type);
  return key;
}

/** A contract's complaints, the latest first, each with the name of its category and its steps. */
export async function listAppeals(env: Env, uid: number) {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const [rows, categories] = await db.batch([appealsOf(db, OPERATOR, uid, SHOWN), categoriesOf(db, OPERATOR)]);
  return rows.map((row) => ({ ...row, category: nameOf(orUsual(categories), row.appeal.categoryId) }));
}

/** A page of the operator's list by number, behind the number `after`. */
export async function pageOfAppeals(env: Env, { status, after = 0 }: { status?: number | undefined; after?: number }) {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  const page = appealsIn(db, OPERATOR, { status, after, limit: PAGE });
  const [rows, categories] = await db.batch([page, categoriesOf(db, OPERATOR)]);
  return rows.map((row) => ({ ...row, category: nameOf(orUsual(categories), row.appeal.categoryId) }));
}

// A category that the operator has taken away is still what the complaint was about, as far as anybody knows.
const nameOf = (categories: readonly Category[], id: number): string =>
  categories.find((category) => category.id === id)?.name ?? "Другое";

export interface AppealWork {
  status?: number | undefined;
  /** What was decided; without words a new state says its own. */
  text?: string | undefined;
  /** What a worker did, and a photo of it. */
  work?: string | undefined;
  photo?: Photo | undefined;
}

/** Writes down what became of a complaint; it is answered as it is then. Throws `not_found`. */
export async function workOnAppeal(
  env: Env,
  id: number,
  { status, text, work, photo }: AppealWork,
  now = new Date(),
): Promise<Appeal> {
  const [db, { OPERATOR: operator }] = [database(env), settings(env)];
  const picture = photo ? await keepPhoto(env, photo) : null;
  const decided = text ?? (status === undefined ? undefined : APPEAL_STATES[status]);
  const step = { operator, appealId: id, createdAt: now };
  const [[appeal]] = await db.batch([
    updateAppeal(db, operator, id, { ...(status !== undefined && { status }), updatedAt: now }),
    ...(decided ? [insertStep(db, { ...step, kind: "status", text: decided, picture: null })] : []),
    ...(work || picture ? [insertStep(db, { ...step, kind: "work", text: work ?? "", picture })] : []),
  ]);
  if (appeal) return appeal;
  if (picture) await dropFiles(env, [picture]);
  throw new AppError("not_found", "There is no such complaint");
}
