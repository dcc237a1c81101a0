import * as z from "zod";
import type { OneTimeCodes } from "#identity/codes/one-time-codes.ts";
import type { PasswordAttempts } from "#identity/codes/password-attempts.ts";
import type { SendBudget } from "#identity/codes/send-budget.ts";
import type { MessageJob } from "#messaging/outbox.ts";
import { parseKeyring } from "#platform/crypto.ts";
import { Limits } from "#platform/limits.ts";
import type { Signal } from "#platform/signals.ts";
import type { DoorOpener } from "#premises/door-opener.ts";

/** Bindings of wrangler.toml. What the platform guarantees is an interface; what a human types is a schema. */
export interface Env extends Partial<Record<keyof z.input<typeof Settings>, string>> {
  DB: D1Database;
  TOKENS: KVNamespace;
  ONE_TIME_CODES: DurableObjectNamespace<OneTimeCodes>;
  SEND_BUDGETS: DurableObjectNamespace<SendBudget>;
  PASSWORD_ATTEMPTS: DurableObjectNamespace<PasswordAttempts>;
  DOOR_OPENERS: DurableObjectNamespace<DoorOpener>;
  MESSAGES: Queue<MessageJob>;
  SIGNALS: Queue<Signal>;
}

const number = (min: number, max: number, preset: number) => z.coerce.number().int().min(min).max(max).default(preset);
const optional = z.string().min(1).optional();
const url = z.url({ protocol: /^https?$/ });
const baseUrl = url.transform((text) => text.replace(/\/+$/, ""));
const list = z
  .string()
  .default("")
  .transform((text) =>
    text
      .split(",")
      .map((item) => item.trim())
      .filter(Boolean),
  );
const parsed = (preset: string) =>
  z
    .string()
    .default(preset)
    .transform((text, context) => {
      try {
        return JSON.parse(text) as unknown;
      } catch {
        context.issues.push({ code: "custom", message: "is not JSON", input: text });
        return z.NEVER;
      }
    });
const json = <S extends z.ZodType>(schema: S) => parsed("{}").pipe(schema);
const keyring = z.string().transform((text, context) => {
  try {
    return parseKeyring(text);
  } catch (error) {
    context.issues.push({ code: "custom", message: String(error), input: "(hidden)" });
    return z.NEVER;
  }
});
const seconds = z
  .string()
  .regex(/^\d+(,\d+)*$/)
  .transform((text) => text.split(",").map(Number));
const isZone = (zone: string) => {
  try {
    return Boolean(new Intl.DateTimeFormat("en", { timeZone: zone }));
  } catch {
    return false;
  }
};

const Version = z.object({ upgrade: z.number().int().default(0), force: z.number().int().default(0) });
const onOff = z.enum(["t", "f"]);

/** What `ext/options` tells the apps (docs/contracts.md, "The apps"), as far as the operator changes it. */
const AppOptions = z.looseObject({
  cityCams: onOff.default("f"),
  payments: onOff.default("f"),
  chat: onOff.default("f"),
  guestAccess: z.enum(["turnOnOnly", "turnOnAndOff"]).default("turnOnOnly"),
  cctvView: z.enum(["list", "tree", "userDefined"]).default("list"),
  activeTab: z.enum(["addresses", "notifications", "chat", "pay", "menu"]).default("addresses"),
  issuesVersion: z.enum(["1", "2"]).default("2"),
});

/** A page of the operator in the app's menu. `icon` is a PNG data URL: the only form that both apps draw. */
const Extension = z.object({
  caption: z.string(),
  icon: z.string(),
  extId: z.string(),
  order: z.number().int(),
  highlight: onOff.optional(),
});

export const Settings = z
  .object({
    ENVIRONMENT: z.enum(["development", "production"]).default("production"),
    OPERATOR: z.string().min(1).max(32).default("main"),
    PUBLIC_URL: baseUrl.optional(),
    TIME_ZONE: z.string().default("Europe/Moscow").refine(isZone, "is not a time zone"),
    COUNTRY: z.string().length(2).default("RU"),

    SMS_TRANSPORT: z.enum(["kannel", "log"]).default("kannel"),
    SMS_TEXT: z.string().max(160).default("Код подтверждения: "),
    SMS_MAX_PARTS: number(1, 10, 5),
    SMS_COUNTRIES: list,
    KANNEL_URL: baseUrl.optional(),
    KANNEL_USER: optional,
    KANNEL_PASS: optional,
    KANNEL_FROM: optional,
    KANNEL_HOOK_SECRET: z.string().min(16),
    FLASHCALL_URL: url.optional(),
    FLASHCALL_TOKEN: optional,
    MAIL_URL: url.optional(),
    MAIL_TOKEN: optional,
    MAIL_FROM: optional,

    CONFIRMATION_METHOD: z.enum(["sms", "outgoingCall", "flashCall"]).default("sms"),
    CONFIRMATION_NUMBERS: list,
    PBX_HOOK_SECRET: z.string().min(16).optional(),
    PHONE_PATTERN: optional,
    TEST_USER: optional,
    TEST_PASS: z
      .string()
      .regex(/^\d{4,6}$/)
      .optional(),
    OTP_LENGTH: z.enum(["4", "6"]).default("4").transform(Number),
    BOOTSTRAP_TOKEN: z.string().min(16).optional(),
    GATEWAY_HOSTS: list,
    OTP_LIFE: number(60, 600, 300),
    OTP_TRIES: number(1, 5, 5),
    OTP_RESEND_GAPS: seconds.default([60, 60, 120, 300, 600]),
    LIMITS: json(Limits),
    SESSION_DAYS: number(1, 400, 365),

    EXPIRE: number(1, 1440, 360),
    PROXYFL: url.optional(),
    FLUSSONIC_SECRET: z.string().min(16).optional(),
    AUTH_DURATION: number(10, 180, 60),
    MAX_SESSIONS: number(1, 10_000, 100),
    HLS_MODE: z.enum(["fmp4", "mpegts"]).default("fmp4"),

    INTEGRATION_TOKEN: z.string().min(16),
    PANEL_HOSTS: list,
    BILLING: z.enum(["local", "http", "legacy"]).default("local"),
    BILLING_URL: baseUrl.optional(),
    BILLING_TOKEN: optional,

    SIGNING_KEYS: keyring,
    PEPPERS: keyring,
    MASTER_KEY: keyring,

    APP_OPTIONS: json(AppOptions),
    APP_VERSIONS: json(
      z
        .object({ android: Version.prefault({}), ios: Version.prefault({}), harmony: Version.prefault({}) })
        .prefault({}),
    ),
    EXTENSIONS: parsed("[]").pipe(z.array(Extension)),
  })
  .superRefine((value, context) => {
    const need = (name: string, message: string) => context.addIssue({ code: "custom", path: [name], message });
    if (value.SMS_TRANSPORT === "log" && value.ENVIRONMENT !== "development")
      need("SMS_TRANSPORT", "log is for development only");
    if (value.SMS_TRANSPORT === "kannel") {
      for (const name of ["KANNEL_URL", "KANNEL_USER", "KANNEL_PASS"] as const) {
        if (!value[name]) need(name, "is needed to send SMS through Kannel");
      }
    }
    if (value.MAIL_URL && !value.MAIL_FROM) need("MAIL_FROM", "is needed to send mail through MAIL_URL");
    if (value.BILLING !== "local" && !value.BILLING_URL) need("BILLING_URL", `is needed for BILLING=${value.BILLING}`);
    if (
      value.CONFIRMATION_METHOD === "outgoingCall" &&
      (!value.PBX_HOOK_SECRET || value.CONFIRMATION_NUMBERS.length === 0)
    ) {
      need("CONFIRMATION_NUMBERS", "and PBX_HOOK_SECRET are needed for outgoingCall");
    }
    if (value.CONFIRMATION_METHOD === "flashCall" && !value.FLASHCALL_URL && value.ENVIRONMENT !== "development") {
      need("FLASHCALL_URL", "is needed for flashCall");
    }
    if (value.ENVIRONMENT === "production" && !value.PUBLIC_URL)
      need("PUBLIC_URL", "is needed: Kannel's reports come to it");
    if (Boolean(value.TEST_USER) !== Boolean(value.TEST_PASS))
      need("TEST_USER", "and TEST_PASS are set together or not at all");
  })
  .transform((value) => ({ ...value, PUBLIC_URL: value.PUBLIC_URL ?? "http://127.0.0.1:8787" }));
export type Settings = z.output<typeof Settings>;

/** The deployment is misconfigured. The message names the variables and never their values. */
export class SettingsError extends Error {
  override name = "SettingsError";
}

const read = new WeakMap<object, Settings>();

/** Vars and secrets, parsed once per isolate. A bad deploy fails on its first request and names the variable. */
export function settings(env: Env): Settings {
  let value = read.get(env);
  if (!value) {
    value = parse(env);
    read.set(env, value);
  }
  return value;
}

// An empty variable is an unset one: wrangler and .dev.vars have no other way to say "off".
function parse(env: Env): Settings {
  const given = Object.fromEntries(
    Object.entries(env).filter(([, value]) => typeof value === "string" && value !== ""),
  );
  const result = Settings.safeParse(given);
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new SettingsError(`Bad settings (docs/settings.md): ${problems.join("; ")}`);
}
