import * as z from "zod";
import { answerText } from "#platform/outbound.ts";
import type { Outcome } from "../transport.ts";
import { retryAfter } from "./retry-after.ts";

// Huawei's Push Kit says what happened in a code of its own, mostly under HTTP 200.

const SENT = "80000000";
/** None of the tokens was taken, or not all; `msg` says why, as a JSON text of its own. */
const NOT_ALL = new Set(["80300007", "80100000"]);
/** Reasons of these that say nothing against the token. */
const OUR_FAULT = /"(?:no\w*Right\w*|appinfoError|tokenPlatformNotSupport|countryNotSupport|disableSend\w*|atomic\w*)"/;
/** Access tokens that are wrong or over: the first means another app's, too. */
const STALE_TOKEN = new Set(["80200001", "80200003"]);
/** No right to send, an app that is not set up, or no access token to be had. */
const NEEDS_A_PERSON = new Set(["80300002", "80600003"]);
/** Huawei's own trouble, and its limits of flow. */
const LATER = new Set(["80100017", "80300011", "81000001"]);

/** What the answer says, as far as we go by it. */
export interface Told {
  status: number;
  code: string;
  /** The bearer is not taken. */
  isStale: boolean;
  /** This kind of message is not ours to send, as long as Huawei has not granted it. */
  isNotGranted: boolean;
  /** The token may be fine: it is another project's, or we may not send to it. What is wrong only a person can tell. */
  isForeign: boolean;
  pauseSeconds: number | undefined;
}

const Answer = z.object({ code: z.coerce.string().regex(/^\d{1,12}$/), msg: z.string().default("") });

export async function toldBy(response: Response): Promise<Told> {
  const { status } = response;
  const { code, msg } = parsed(await answerText(response, 65_536));
  return {
    status,
    code,
    isStale: STALE_TOKEN.has(code) || status === 401,
    isNotGranted: NOT_ALL.has(code) && msg.includes('"noPushTypeRight'),
    isForeign: NOT_ALL.has(code) && OUR_FAULT.test(msg),
    pauseSeconds: retryAfter(response),
  };
}

function parsed(text: string): z.output<typeof Answer> {
  try {
    return Answer.parse(JSON.parse(text));
  } catch {
    return { code: "", msg: "" }; // a proxy's page
  }
}

/** What it means for a push to this token. */
export function outcomeOf(told: Told, token: string): Outcome {
  const { status, code, pauseSeconds } = told;
  if (status >= 200 && status < 300 && code === SENT) return { result: "sent" };
  const error = `HMS: HTTP ${status} ${code}`.trim();
  if (told.isNotGranted || told.isForeign) return { result: "refused", error, alarm: true };
  if (NOT_ALL.has(code)) return { result: "refused", error, gone: token };
  if (told.isStale || NEEDS_A_PERSON.has(code) || status === 403) return { result: "later", error, alarm: true };
  const isBusy = code === "" || LATER.has(code) || status >= 500 || status === 408 || status === 429;
  return isBusy ? { result: "later", error, pauseSeconds } : { result: "refused", error };
}
