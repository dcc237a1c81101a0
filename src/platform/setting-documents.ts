import * as z from "zod";
import { url } from "./setting-fields.ts";

// Settings that are JSON: what stands in each.

export const Version = z.object({ upgrade: z.number().int().default(0), force: z.number().int().default(0) });
const onOff = z.enum(["t", "f"]);

/** What `ext/options` tells the apps (docs/contracts.md, "The apps"), as far as the operator changes it. */
export const AppOptions = z.looseObject({
  cityCams: onOff.default("f"),
  payments: onOff.optional(), // left out: whether a bank is in use
  chat: onOff.default("f"),
  guestAccess: z.enum(["turnOnOnly", "turnOnAndOff"]).default("turnOnOnly"),
  cctvView: z.enum(["list", "tree", "userDefined"]).default("list"),
  activeTab: z.enum(["addresses", "notifications", "chat", "pay", "menu"]).default("addresses"),
  issuesVersion: z.enum(["1", "2"]).default("2"),
});

/** A page of the operator in the app's menu. `icon` is a PNG data URL: the only form that both apps draw. */
export const Extension = z.object({
  caption: z.string(),
  icon: z.string(),
  extId: z.string(),
  order: z.number().int(),
  highlight: onOff.optional(),
  /** The page: HTML of its own, or a URL that it leads to. The page gets the resident's token, so only trusted ones. */
  code: z.string().optional(),
  url: url.optional(),
  version: z.number().int().default(1),
});

/** Where the operator can be visited. */
export const Office = z.object({ lat: z.number(), lon: z.number(), address: z.string(), opening: z.string() });

/** A video that the operator has published, as the apps list it; of one of its cameras, or of none in particular. */
export const Video = z.object({
  id: z.number().int(),
  camera: z.number().int().optional(),
  eventTime: z.string().regex(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/),
  title: z.string(),
  description: z.string().default(""),
  thumbnailsDefault: url,
  thumbnailsMedium: url,
  thumbnailsHigh: url,
  url,
});

/** Who issues invoices and acts: what stands at the top of the documents. */
export const Company = z.object({
  name: z.string().default(""),
  inn: z.string().default(""),
  kpp: z.string().default(""),
  ogrn: z.string().default(""),
  address: z.string().default(""),
  phone: z.string().default(""),
  bank: z.string().default(""),
  bik: z.string().default(""),
  account: z.string().default(""),
  correspondent: z.string().default(""),
  director: z.string().default(""),
  accountant: z.string().default(""),
});

/** A Google service account's key, as Google hands it out; what else stands in it is not needed. */
export const ServiceAccount = z.object({
  project_id: z.string().regex(/^[\w.:-]+$/),
  client_email: z.string().min(1),
  private_key: z.string().includes("PRIVATE KEY"),
  private_key_id: z.string().optional(),
});

/** The key of a service account at Huawei, as Huawei hands it out. */
export const HuaweiAccount = z.object({
  project_id: z.string().regex(/^[\w-]+$/),
  key_id: z.string().min(1),
  private_key: z.string().includes("PRIVATE KEY"),
  sub_account: z.string().min(1),
});

/** A platform that a gateway's user may write to, beside the known ones: its letter begins each SMS for it. */
export const GatewayPlatform = z.object({
  name: z.string().regex(/^[a-z0-9_-]{1,32}$/),
  letter: z.string().regex(/^[A-Za-z0-9]$/),
  type: z.enum(["email", "text", "messaging"]),
  description: z.record(z.string(), z.string()).default({}),
  protocol: z
    .string()
    .regex(/^[a-z0-9_-]{1,32}$/)
    .default("oauth2"),
  logo: z.string().optional(),
});
