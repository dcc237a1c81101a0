import * as z from "zod";

/** Where a push reaches one installed app. */
export interface PushAddress {
  platform: "android" | "ios" | "harmony" | "web";
  token: string;
  /** Whose token it is: `fcm` (also when it is not said), `hms`, `rustore`, `apns`. */
  service: string | null;
  /** iOS only: the app prefers CallKit, and calls reach it here. */
  voipToken: string | null;
  /** iOS only: false for a build that Apple's sandbox serves. */
  production: boolean;
}

/** What a push says, whoever carries it. */
export const PushContent = z.object({
  /** A call rings and is over in half a minute; a text waits for its reader. */
  kind: z.enum(["call", "text"]),
  /** What the app reads. The apps take text only. */
  data: z.record(z.string(), z.string()),
  /** What the phone itself shows where the app is not asked first: on iOS and in browsers. */
  notice: z.object({ title: z.string(), body: z.string() }).optional(),
  badge: z.number().int().min(0).optional(),
  /** A push of the same name takes the place of the one before, if that has not been seen yet. */
  collapse: z.string().max(64).optional(),
});
export type PushContent = z.infer<typeof PushContent>;

/** One push on its way. */
export interface Push {
  address: PushAddress;
  content: PushContent;
  /** How long somebody wants it, in seconds from now. */
  seconds: number;
  /** What each call may take, in ms. */
  timeLimitMs: number;
  now: Date;
}

const Packed = z.object({
  platform: z.enum(["android", "ios", "harmony", "web"]),
  service: z.string().nullable(),
  voipToken: z.string().nullable(),
  production: z.boolean(),
  content: PushContent,
});

/** Address and content as one text, which is sealed in the row; the token is the row's recipient. */
export const packPush = ({ token: _, ...address }: PushAddress, content: PushContent): string =>
  JSON.stringify({ ...address, content } satisfies z.input<typeof Packed>);

export function unpackPush(token: string, packed: string): { address: PushAddress; content: PushContent } {
  const { content, ...address } = Packed.parse(JSON.parse(packed));
  return { address: { ...address, token }, content };
}

/** Bytes that a push may have, less what the envelope takes: FCM, Huawei and Apple all stop at 4096. */
const ROOM = 3_500;

/** Shortens the body until the push fits; what is not shown stands in the inbox. */
export function fitted(content: PushContent): PushContent {
  if (sizeOf(content) <= ROOM) return content;
  const letters = [...(content.data.body ?? content.notice?.body ?? "")];
  let [fits, tooLong] = [0, letters.length];
  while (tooLong - fits > 1) {
    const middle = Math.floor((fits + tooLong) / 2);
    if (sizeOf(withBody(content, cut(letters, middle))) <= ROOM) fits = middle;
    else tooLong = middle;
  }
  return withBody(content, cut(letters, fits));
}

const cut = (letters: string[], length: number): string => `${letters.slice(0, length).join("").trimEnd()}…`;

const sizeOf = ({ data, notice = { title: "", body: "" } }: PushContent): number =>
  new TextEncoder().encode(JSON.stringify([data, notice])).length;

const withBody = ({ data, notice, ...rest }: PushContent, body: string): PushContent => ({
  ...rest,
  data: data.body === undefined ? data : { ...data, body },
  ...(notice && { notice: { ...notice, body: notice.body && body } }),
});
