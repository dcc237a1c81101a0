import * as z from "zod";
import { call } from "../support/world.ts";

// How the three published apps write a call, and what each of them needs of an answer (docs/contracts.md, "The apps").

export type App = "android" | "ios" | "web";
export const APPS: readonly App[] = ["android", "ios", "web"];

/** What an app sends: a JSON body, or nothing where the method has no parameters. */
export type Body = Record<string, unknown> | undefined;

interface Sent {
  token?: string | undefined;
  /** The method's path below the base URL: `address/plog`. */
  path: string;
  body: Body;
}

/** Numbers for ids in Android's calls, text in those of iOS and of the web app. */
export const idFor = (app: App, id: number): number | string => (app === "android" ? id : String(id));

const HEADERS: Record<App, Record<string, string>> = {
  android: { "accept-language": "ru", "x-system-info": "Android,14,Acme,One" },
  ios: { "accept-language": "ru", "x-system-info": "iOS, 17.4, iPhone Anna, iPhone 15" },
  web: { "accept-language": "ru-RU,ru;q=0.9,en;q=0.8", origin: "https://app.example.net" },
};

/** One call as the app makes it: Android leaves out the body and its type, iOS sends `{}`, the web app an empty body and `Bearer` even without a token. */
export function send(app: App, { path, body, token }: Sent, env?: Parameters<typeof call>[2]): Promise<Response> {
  const authorization = token ? `Bearer ${token}` : app === "web" ? "Bearer " : undefined;
  const written = body ?? (app === "ios" ? {} : undefined);
  const type = app === "android" ? "application/json; charset=UTF-8" : "application/json";
  return call(
    `/mobile/${path}`,
    {
      method: "POST",
      headers: {
        ...HEADERS[app],
        ...(authorization && { authorization }),
        ...(written && { "content-type": type }),
        ...(app === "android" && !written && { "content-length": "0" }),
      },
      ...(written && { body: JSON.stringify(written) }),
    },
    env,
  );
}

/** Every explicit null of an answer, by its path: Android refuses the whole answer for one. */
export function nullsIn(value: unknown, at = "data"): string[] {
  if (value === null) return [at];
  if (typeof value !== "object") return [];
  return Object.entries(value as object).flatMap(([key, inner]) => nullsIn(inner, `${at}.${key}`));
}

export const Envelope = z.strictObject({
  code: z.int(),
  name: z.string(),
  message: z.string(),
  data: z.unknown().optional(),
});

export const tf = z.enum(["t", "f"]);
export const day = z.string().regex(/^\d{4}-\d\d-\d\d$/);
export const moment = z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
export const digits = z.string().regex(/^\d+$/);
export const httpUrl = z.url({ protocol: /^https?$/ });
