import { type Env, settings } from "#env.ts";
import { nameOf } from "#identity/accounts/accounts.ts";
import { mailIsAvailable } from "#messaging/mail.ts";
import { type Prepared, prepareMail } from "#messaging/outbox.ts";
import { openIssue } from "#operator/desk/issues.ts";
import type { Issue } from "#operator/desk/tables.ts";
import { AppError } from "#platform/errors.ts";
import { logError } from "#platform/log.ts";
import { cityOf, type Home, holdingsOf, type Resident } from "#premises/homes.ts";
import { fold } from "#premises/places/fold.ts";
import type { Drafted } from "./issue-requests.ts";

/** A mail that could not leave for three days helps nobody: the issue stands in the operator's list anyway. */
const MAIL_LIFE_MS = 3 * 86_400_000;

/**
 * Opens an issue for a resident, with a mail to the operator's support in the same batch, and answers its key. Throws `not_found`
 * for a camera that is neither theirs nor the city's, `too_many` above the day's limit.
 */
export async function askOperator(
  env: Env,
  resident: Resident,
  draft: Drafted,
  cameraId: string | undefined,
  now = new Date(),
): Promise<string> {
  const [{ homes }, city] = await Promise.all([
    holdingsOf(env, resident, {}, now),
    cameraId === undefined ? undefined : cityOf(env, resident, now),
  ]);
  if (cameraId !== undefined) demandCamera([...homes, ...city!.homes], cameraId);
  const request = { ...draft, uid: homeAt(homes, draft.address)?.uid ?? null };
  let mail: Prepared | undefined;
  const { key, isNew } = await openIssue(
    env,
    resident,
    request,
    async (issue) => {
      mail = await mailOf(env, resident, issue, now);
      return mail ? [mail.row] : [];
    },
    now,
  );
  if (isNew) await mail?.hasten();
  return key;
}

function demandCamera(homes: readonly Home[], id: string): void {
  const isTheirs = homes.some(({ cameras }) => cameras.some((camera) => String(camera.id) === id));
  if (!isTheirs) throw new AppError("not_found", "You have no such camera");
}

/** The resident's home that an address means, however it is abbreviated. */
const homeAt = (homes: readonly Home[], address: string | null): Home | undefined =>
  address === null ? undefined : homes.find((home) => fold(home.address) === fold(address));

async function mailOf(env: Env, resident: Resident, issue: Issue, now: Date): Promise<Prepared | undefined> {
  const { TP_EMAIL: to } = settings(env);
  if (!to || !mailIsAvailable(settings(env))) return undefined;
  const { name, patronymic } = (await nameOf(env, resident.account)) ?? {};
  const who = [name, patronymic].filter(Boolean).join(" ");
  const lines = [issue.description, "", ...(who ? [`Имя: ${who}`] : []), `Телефон: +${resident.phone}`];
  const letter = { subject: `Заявка ${issue.key}: ${issue.summary}`, text: lines.join("\n").trim() };
  const envelope = {
    to,
    purpose: "issue",
    account: resident.account,
    expiresAt: new Date(now.getTime() + MAIL_LIFE_MS),
  };
  // A wrong TP_EMAIL is the operator's trouble and must not cost the resident the issue.
  return prepareMail(env, { ...envelope, ...letter }, now).catch((error: unknown) => {
    logError("mail of an issue not written", String(error));
    return undefined;
  });
}
