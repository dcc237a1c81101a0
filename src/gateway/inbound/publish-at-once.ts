import type { Env } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { answerText, letGo } from "#platform/outbound.ts";
import { OOPS } from "../wire.ts";
import { askPublisher } from "./publisher.ts";
import type { Received } from "./sealed-sms.ts";

const ANSWER_BYTES = 64 * 1024;
const LONGEST_COMPLAINT = 500;
/** What a publisher says of itself, or of our credentials, and not of what it was given. */
const OUTAGES = new Set([401, 407, 408, 425, 429]);

/**
 * Hands an SMS on unopened and waits for what the publisher says to it. Throws AppError `invalid` with its complaint when it refuses,
 * `unavailable` when it is away.
 */
export async function publishAtOnce(env: Env, { sender, text, date, dateSent }: Received): Promise<string> {
  const times = {
    ...(date !== undefined && { Date: secondsOf(date) }),
    ...(dateSent !== undefined && { Date_sent: secondsOf(dateSent) }),
  };
  const content = JSON.stringify({ content: text, metadata: { From: sender, ...times } });
  const { status, answer } = await ask(env, content);
  const told = objectIn(answer);
  if (status >= 400 || told.success === false) {
    const complaint = firstText(told.message, told.error) ?? answer;
    throw new AppError("invalid", `Failed to publish payload. Publish error: ${inOneLine(complaint)}`);
  }
  return firstText(told.publisher_response, told.message) ?? answer;
}

async function ask(env: Env, text: string): Promise<{ status: number; answer: string }> {
  try {
    const response = await askPublisher(env, { contentType: "application/json", text });
    const { status } = response;
    if ((response.ok || (status >= 400 && status < 500)) && !OUTAGES.has(status))
      return { status, answer: await answerText(response, ANSWER_BYTES) };
    await letGo(response);
    console.error("the publisher answered", status);
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    console.error("the publisher is away:", error.message);
  }
  throw new AppError("unavailable", OOPS);
}

function objectIn(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

const firstText = (...values: unknown[]): string | undefined =>
  values.find((value): value is string => typeof value === "string" && value !== "");

const inOneLine = (text: string): string =>
  text
    .replace(/\p{Cc}+/gu, " ")
    .slice(0, LONGEST_COMPLAINT)
    .trim()
    .toWellFormed();

const secondsOf = (ms: number): string => String(Math.floor(ms / 1000));
