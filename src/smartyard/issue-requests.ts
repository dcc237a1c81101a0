import * as z from "zod";
import type { IssueRequest } from "#operator/desk/issues.ts";

// What the apps ask the operator for, in the two dialects that they know (docs/contracts.md, "The apps"), as an issue.

const MAX_LINE = 300;
const MAX_TEXT = 4000;

/** Text that is cut rather than refused: the app has no way to say that it is too long. */
const cut = (max: number) =>
  z
    .union([z.string(), z.number().transform(String), z.array(z.string()).transform((items) => items.join(", "))])
    .nullish()
    .transform((text) => text?.trim().slice(0, max) || undefined);

/** The apps fill in a dozen of them. */
const MAX_FIELDS = 8000;
const Fields = z
  .record(z.string().max(64), z.unknown())
  .refine((fields) => JSON.stringify(fields).length <= MAX_FIELDS, "customFields are too long")
  .nullish();

/** Version 1: the form of the operator's tracker, filled in by the app. */
export const FreeIssue = z.object({
  issue: z.object({ project: cut(64), summary: cut(MAX_LINE), description: cut(MAX_TEXT), type: cut(64) }),
  customFields: Fields,
  actions: z.array(z.string().max(MAX_LINE)).max(20).nullish(),
});

/** Fields of version 1, by the tracker's numbers: when it was pressed, how the code is handed over, and where. */
const [PRESSED_AT, DELIVERY, LATITUDE, LONGITUDE] = ["11840", "10941", "10743", "10744"];

export type Drafted = Omit<IssueRequest, "uid">;

export function freeIssue({ issue, customFields, actions }: z.output<typeof FreeIssue>): Drafted {
  const { summary = "", description = "", project, type } = issue;
  const { [PRESSED_AT]: _, ...lasting } = customFields ?? {};
  const isAboutAddress = [DELIVERY, LATITUDE, LONGITUDE].some((field) => lasting[field] !== undefined);
  return {
    kind: "other",
    summary: summary || "Заявка",
    description,
    address: isAboutAddress ? addressIn(description) : null,
    delivery: isAboutAddress ? (deliveryIn(lasting[DELIVERY]) ?? deliveryIn(description) ?? null) : null,
    fields: keep({ project, type, actions: actions ?? undefined, customFields: customFields ?? undefined }),
    sameness: [summary, description, lasting],
  };
}

/** The address that the app has put into the text: `Адрес, введённый пользователем: …`. */
const addressIn = (text: string): string | null =>
  /адрес[^:\n]*:\s*([^\n]+)/i
    .exec(text)?.[1]
    ?.replace(/[\s.]+$/, "")
    .slice(0, MAX_LINE) || null;

/** How a QR code reaches the resident, from whatever the app says of it. iOS writes `couirer`, and sends it in customFields. */
export function deliveryIn(value: unknown): "office" | "courier" | undefined {
  const text = JSON.stringify(value ?? "");
  if (/cou?i?rier|couirer|курьер/i.test(text)) return "courier";
  return /office|самовывоз|офис/i.test(text) ? "office" : undefined;
}

const KINDS = {
  requestCallback: "Обратный звонок",
  requestFragment: "Фрагмент архива камеры",
  removeAddress: "Удаление адреса",
  connectServicesNoCommon: "Подключение услуг",
  connectServicesHasCommon: "Подключение услуг сверх общедомовых",
  connectServicesNoNetwork: "Подключение дома, где нет сети",
  requestQRCodeOffice: "QR-код, клиент придёт в офис",
  requestQRCodeCourier: "QR-код, доставить курьером",
  requestCredentials: "Восстановление доступа к договору",
} as const;
type Kind = keyof typeof KINDS;

/** Version 2: named requests with named fields. */
export const NamedIssue = z.object({
  type: z.enum(Object.keys(KINDS) as [Kind, ...Kind[]]),
  userName: cut(MAX_LINE),
  inputAddress: cut(MAX_LINE),
  services: cut(MAX_LINE),
  comments: cut(MAX_TEXT),
  cameraId: cut(20),
  cameraName: cut(MAX_LINE),
  fragmentDate: cut(32),
  fragmentTime: cut(32),
  fragmentDuration: cut(16),
});

export function namedIssue({ type, ...said }: z.output<typeof NamedIssue>): Drafted {
  const { userName, inputAddress, services, comments, cameraId, cameraName, fragmentDate, fragmentTime } = said;
  const from = fragmentDate && (fragmentMoment(fragmentDate, fragmentTime) ?? `${fragmentDate} ${fragmentTime ?? ""}`);
  const lines = {
    ФИО: userName,
    Адрес: inputAddress,
    Услуги: services,
    Камера: cameraId && `${cameraName ?? ""} (${cameraId})`.trim(),
    "Начало фрагмента": from?.trim(),
    "Длительность, мин": said.fragmentDuration,
    Комментарий: comments,
  };
  return {
    kind: type,
    summary: KINDS[type],
    description: Object.entries(lines)
      .flatMap(([name, value]) => (value ? [`${name}: ${value}`] : []))
      .join("\n"),
    address: inputAddress ?? null,
    delivery: type === "requestQRCodeCourier" ? "courier" : type === "requestQRCodeOffice" ? "office" : null,
    fields: keep(said),
    sameness: said,
  };
}

/**
 * `YYYY-MM-DD HH:mm` of the day that both apps write as `2.08.2026` and of a time that Android writes as `21-30` and iOS as its
 * locale does: `21:30`, `9:30 PM`. Undefined for what is neither.
 */
export function fragmentMoment(date: string, time = ""): string | undefined {
  const [, day = "", month = "", year = ""] = /^(\d{1,2})\.(\d{1,2})\.(\d{4})$/.exec(date.trim()) ?? [];
  const clock = /^(\d{1,2})\D(\d{2})(?:\D\d{2})?(?:\s*([ap])\.?\s?m\.?)?$/iu.exec(time.trim());
  if (!year || !clock) return undefined;
  const [, hours = "", minutes = "", half = ""] = clock;
  const hour = half ? (Number(hours) % 12) + (half.toLowerCase() === "p" ? 12 : 0) : Number(hours);
  if (Number(month) > 12 || Number(day) > 31 || hour > 23 || Number(minutes) > 59) return undefined;
  return `${year}-${two(month)}-${two(day)} ${two(hour)}:${minutes}`;
}

const two = (value: number | string) => String(value).padStart(2, "0");

const keep = (fields: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

const ABOUT_CONNECTION: ReadonlySet<string> = new Set<Kind>([
  "connectServicesNoCommon",
  "connectServicesHasCommon",
  "connectServicesNoNetwork",
  "requestQRCodeOffice",
  "requestQRCodeCourier",
]);

/** Whether the app shows it among the resident's addresses, as one that is still to be connected or confirmed. */
export const isAboutConnection = ({ kind, address, delivery }: Pick<IssueRequest, "kind" | "address" | "delivery">) =>
  ABOUT_CONNECTION.has(kind) || (kind === "other" && (address !== null || delivery !== null));
