import { type Env, settings } from "#env.ts";
import { randomId } from "#platform/crypto.ts";
import { database, isNullRefused } from "#platform/db.ts";
import { AppError } from "#platform/errors.ts";
import { dropFiles, keepFile } from "#platform/files.ts";
import type { Photo } from "#platform/photos.ts";
import {
  appealLike,
  appealsIn,
  appealsOf,
  categoriesOf,
  deleteAppeals,
  insertAppeal,
  insertFirstStep,
  insertStep,
  replaceCategories,
  setAppealPicture,
  updateAppeal,
} from "./appeal-queries.ts";
import { takeDeskNumber } from "./number-queries.ts";
import type { Appeal } from "./tables.ts";

// Complaints about the house, and what was done about them.

const DAY_MS = 86_400_000;
/** An app that got no answer sends it again. */
const REPEATED_MS = 600_000;
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

/**
 * Takes a complaint and answers its number; said again within ten minutes, it is the same. Throws `invalid` for an unknown
 * category, `too_many` above LIMITS.appealsPerDay.
 */
export async function takeAppeal(env: Env, { photo, ...appeal }: NewAppeal, now = new Date()): Promise<number> {
  const { OPERATOR: operator, LIMITS } = settings(env);
  const categories = await listCategories(env);
  if (!categories.some(({ id }) => id === appeal.categoryId))
    throw new AppError("invalid", "There is no such category");
  const picture = photo ? pictureName(photo) : null;
  const row = { ...appeal, operator, picture, status: 1, createdAt: now, updatedAt: now };
  const { id, isNew, picture: key } = await writeAppeal(env, row, LIMITS.appealsPerDay);
  if (photo) await addPicture(env, { id, isNew, key: key ?? picture! }, photo);
  return id;
}

async function writeAppeal(env: Env, row: Omit<Appeal, "id">, limit: number) {
  const [db, { operator, createdAt: now }] = [database(env), row];
  const day = { limit, since: new Date(now.getTime() - DAY_MS) };
  const lately = new Date(now.getTime() - REPEATED_MS);
  const first = { operator, kind: "status" as const, text: APPEAL_STATES[1]!, picture: null, createdAt: now };
  try {
    const [, written, , [found]] = await db.batch([
      takeDeskNumber(db, operator, "appeal"),
      insertAppeal(db, row, day, lately),
      insertFirstStep(db, first),
      appealLike(db, row, lately),
    ]);
    return { ...found!, isNew: written.length > 0 };
  } catch (cause) {
    if (!isNullRefused(cause)) throw cause;
    throw new AppError("too_many", "Too many for one day", { retryAfter: 3600, cause });
  }
}

/**
 * The picture follows its row, so that none is ever nobody's to delete; if we die between them, the app's next try brings it.
 * A complaint that cannot keep its picture is none.
 */
async function addPicture(env: Env, { id, isNew, key }: { id: number; isNew: boolean; key: string }, photo: Photo) {
  const [db, { OPERATOR }] = [database(env), settings(env)];
  try {
    if (!isNew) await setAppealPicture(db, OPERATOR, id, key);
    await keepFile(env, key, photo.bytes, photo.type);
  } catch (error) {
    if (isNew) await db.batch([...deleteAppeals(db, OPERATOR, [id])]);
    throw error;
  }
}

/** Keys of the pictures in R2. The last part is the name in the link. */
export const appealPicture = (file: string): string => `appealdoc/${file}`;

const pictureName = ({ extension }: Photo): string => appealPicture(`${randomId(16)}.${extension}`);

async function keepPhoto(env: Env, photo: Photo): Promise<string> {
  const key = pictureName(photo);
  await keepFile(env, key, photo.bytes, photo.type);
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
