import type { Context } from "hono";
import { settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import type { AppEnv } from "#platform/http.ts";

// Long lists leave page by page, and the headers say where the other pages are.

const PRESET = 10;
const MOST = 100;

export interface Page {
  /** From 1. */
  page: number;
  perPage: number;
}

/** The page that a query asks for; `per_page` is at most 100. Throws AppError `invalid`. */
export function pageOf({ page, per_page }: Record<string, string | undefined>): Page {
  return { page: positive(page, 1), perPage: Math.min(positive(per_page, PRESET), MOST) };
}

function positive(written: string | undefined, preset: number): number {
  if (written === undefined || written === "") return preset;
  const value = /^\s*\+?\d+\s*$/.test(written) ? Number(written) : 0;
  if (value < 1 || !Number.isSafeInteger(value * MOST))
    throw new AppError("invalid", "Invalid page or per_page parameter. Must be positive integers.");
  return value;
}

/** How many rows stand before the page. */
export const rowsBefore = ({ page, perPage }: Page): number => (page - 1) * perPage;

/** Says in the headers which page it is, of how many rows, and where the others are, with the filters that found them. */
export function tellPage(c: Context<AppEnv>, { page, perPage }: Page, total: number, filters: object = {}): void {
  const last = Math.max(1, Math.ceil(total / perPage));
  const base = settings(c.env).PUBLIC_URL + new URL(c.req.url).pathname;
  const link = (rel: string, number: number) =>
    `<${base}?${new URLSearchParams({ page: `${number}`, per_page: `${perPage}`, ...filters })}>; rel="${rel}"`;
  const before = page > 1 ? [link("first", 1), link("prev", page - 1)] : [];
  const after = page < last ? [link("last", last), link("next", page + 1)] : [];
  c.header("Link", [...before, link("self", page), ...after].join(", "));
  c.header("X-Total-Count", String(total));
  c.header("X-Page", String(page));
  c.header("X-Per-Page", String(perPage));
}
