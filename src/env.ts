import * as z from "zod";
import type { SyncSession } from "#gateway/sync/sync-session.ts";
import type { OneTimeCodes } from "#identity/codes/one-time-codes.ts";
import type { PasswordAttempts } from "#identity/codes/password-attempts.ts";
import type { SendBudget } from "#identity/codes/send-budget.ts";
import type { TemporaryExtension } from "#intercom/temporary-extension.ts";
import type { MessageJob } from "#messaging/outbox.ts";
import { Limits } from "#platform/limits.ts";
import {
  AppOptions,
  Company,
  Extension,
  GatewayPlatform,
  HuaweiAccount,
  Office,
  ServiceAccount,
  Version,
  Video,
} from "#platform/setting-documents.ts";
import {
  baseUrl,
  isZone,
  json,
  keyring,
  list,
  number,
  optional,
  parsed,
  pem,
  seconds,
  secretJson,
  url,
} from "#platform/setting-fields.ts";
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
  TEMPORARY_EXTENSIONS: DurableObjectNamespace<TemporaryExtension>;
  SYNC_SESSIONS: DurableObjectNamespace<SyncSession>;
  FILES: R2Bucket;
  MESSAGES: Queue<MessageJob>;
  SIGNALS: Queue<Signal>;
  /** Fragments of archive to load, keys for panels to take, calls to the operator's systems, SMS for the publisher: each the name of a row in D1. */
  ARCHIVE: Queue<{ id: number }>;
  PANELS: Queue<{ device: number; uid: number; key: string }>;
  OPERATOR_CALLS: Queue<{ id: string }>;
  PUBLICATIONS: Queue<{ id: string }>;
}

const yesNo = z.enum(["True", "False", "true", "false"]).transform((word) => word.toLowerCase() === "true");

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

    /** Hosts of media servers that we ask for archives and fragments; see hostAllowed. */
    MEDIA_HOSTS: list,
    FRAGMENT_DAYS: number(1, 60, 7),
    /** Hours for which a link to a picture or a fragment works. */
    LINK_HOURS: number(1, 168, 24),

    /** Days for which a request or a complaint stays after the last that was done about it. */
    DESK_DAYS: number(30, 3660, 1095),

    EVENTS: z.enum(["d1", "clickhouse"]).default("d1"),
    EVENT_DAYS: number(1, 1100, 183),
    CLICKHOUSE_URL: baseUrl.optional(),
    CLICKHOUSE_USER: z.string().default("default"),
    CLICKHOUSE_PASSWORD: z.string().default(""),
    CLICKHOUSE_DATABASE: z.string().regex(/^\w+$/).default("smartyard"),

    SBER_USER: optional,
    SBER_PASS: optional,
    SBER_MERCHANT: optional,
    SBER_URL: baseUrl.default("https://securepayments.sberbank.ru"),
    SBER_PUBLIC_KEY: optional,
    YOOKASSA_SHOP: optional,
    YOOKASSA_KEY: optional,
    YOOKASSA_URL: baseUrl.default("https://api.yookassa.ru"),
    PAY_RETURN_URL: url.optional(),
    PAY_MAX: number(1, 100_000_000, 10_000_000),
    COMPANY: json(Company),

    FCM_SERVICE_ACCOUNT: secretJson(ServiceAccount).optional(),
    FCM_URL: baseUrl.default("https://fcm.googleapis.com"),
    GOOGLE_TOKEN_URL: url.default("https://oauth2.googleapis.com/token"),
    HMS_APP_ID: optional,
    HMS_APP_SECRET: optional,
    HMS_SERVICE_ACCOUNT: secretJson(HuaweiAccount).optional(),
    HMS_URL: baseUrl.default("https://push-api.cloud.huawei.com"),
    HMS_TOKEN_URL: url.default("https://oauth-login.cloud.huawei.com/oauth2/v3/token"),
    RUSTORE_PROJECT: optional,
    RUSTORE_TOKEN: optional,
    RUSTORE_URL: baseUrl.default("https://vkpns.rustore.ru"),
    /** Apple's own service: calls over CallKit. The topic is the app's bundle id. */
    APNS_KEY: optional,
    APNS_KEY_ID: optional,
    APNS_TEAM_ID: optional,
    APNS_TOPIC: optional,
    APNS_URL: baseUrl.default("https://api.push.apple.com"),
    APNS_SANDBOX_URL: baseUrl.default("https://api.sandbox.push.apple.com"),

    SIP_SERVER: optional,
    SIP_PORT: number(1, 65_535, 5401),
    SIP_TRANSPORT: z.enum(["udp", "tcp", "tls"]).default("tcp"),
    SIP_STUN: optional,
    SIP_HELP_EXTENSION: optional,
    SIP_HELP_PASS: optional,
    HELPDESKPHONE: optional,
    Z5R_USER: optional,
    Z5R_PASS: z.string().min(8).optional(),

    FRS_URL: baseUrl.optional(),
    FRS_TOKEN: optional,
    SMART_HOME_URL: baseUrl.optional(),
    SMART_HOME_TOKEN: optional,
    GEOCODER_URL: url.optional(),

    TP_EMAIL: optional,
    APP_LINK: url.optional(),
    PERMIT_ADDMYPHONE: yesNo.default(true),
    PERMIT_SHOWRESTOREPHONE: yesNo.default(true),
    PERMIT_RESTOREPASSWD: yesNo.default(true),
    MAIN_SCREEN_ADDRESS: yesNo.default(false),
    OFFICES: parsed("[]").pipe(z.array(Office)),
    YOUTUBE: parsed("[]").pipe(z.array(Video)),

    /** Whether phones that relay SMS may do so without a key, as the old ones do. */
    GATEWAY_OPEN: z
      .enum(["0", "1"])
      .default("0")
      .transform((digit) => digit === "1"),
    GATEWAY_USERS: z.enum(["local", "http"]).default("local"),
    GATEWAY_USERS_URL: baseUrl.optional(),
    GATEWAY_USERS_TOKEN: optional,
    GATEWAY_PRIVATE_KEY: pem.optional(),
    GATEWAY_SHARED_KEY: z.string().min(32).optional(),
    GATEWAY_HASHING_SALT: optional,
    GATEWAY_PLATFORMS: parsed("[]").pipe(z.array(GatewayPlatform)),
    PUBLISHER_URL: baseUrl.optional(),
    PUBLISHER_TOKEN: optional,
    PUBLISHER_FORM: z.enum(["message", "job"]).default("message"),
    PUBLISHER_ENCRYPTION_KEY: optional,
    /** How often the QR code of a sync changes, seconds between, and seconds for which a scanned one waits for the password. */
    SESSION_CHANGE_LIMIT: number(1, 100, 3),
    SESSION_SLEEP_TIMEOUT: number(1, 3600, 15),
    SESSION_PAUSED_TIMEOUT: number(1, 3600, 300),

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
    const together = (...names: (keyof typeof value)[]) => {
      const missing = names.filter((name) => !value[name]);
      if (missing.length > 0 && missing.length < names.length) need(missing[0]!, `is needed with ${names.join(", ")}`);
    };
    together("SBER_USER", "SBER_PASS", "SBER_PUBLIC_KEY");
    together("YOOKASSA_SHOP", "YOOKASSA_KEY");
    together("HMS_APP_ID", "HMS_APP_SECRET");
    together("RUSTORE_PROJECT", "RUSTORE_TOKEN");
    together("APNS_KEY", "APNS_KEY_ID", "APNS_TEAM_ID", "APNS_TOPIC");
    together("Z5R_USER", "Z5R_PASS");
    together("GATEWAY_PRIVATE_KEY", "GATEWAY_HASHING_SALT");
    if (value.GATEWAY_USERS === "http" && !value.GATEWAY_USERS_URL)
      need("GATEWAY_USERS_URL", "is needed for GATEWAY_USERS=http");
    if (value.PUBLISHER_FORM === "job" && !value.PUBLISHER_ENCRYPTION_KEY)
      need("PUBLISHER_ENCRYPTION_KEY", "is needed for PUBLISHER_FORM=job");
    if (value.PUBLISHER_FORM === "job" && value.GATEWAY_USERS === "http")
      need("PUBLISHER_FORM", "job needs the users' tokens, which GATEWAY_USERS=http keeps elsewhere");
    together("SIP_HELP_EXTENSION", "SIP_HELP_PASS");
    if (value.SBER_USER && value.YOOKASSA_SHOP)
      need("YOOKASSA_SHOP", "cannot stand beside SBER_USER: one bank is in use");
    if (value.EVENTS === "clickhouse" && !value.CLICKHOUSE_URL)
      need("CLICKHOUSE_URL", "is needed for EVENTS=clickhouse");
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
