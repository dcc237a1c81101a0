import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { logError } from "./log.ts";

/** The whole vocabulary of failure. A code is a promise to clients: add one, never rename one. */
const STATUS = {
  invalid: 422,
  unauthenticated: 401,
  payment_required: 402,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  too_large: 413,
  too_many: 429,
  unavailable: 503,
} as const;

export type ErrorCode = keyof typeof STATUS;

interface Details {
  /** Names the case more exactly than the code, for a surface that has its own sentence for it: `wrong_code`. */
  reason?: string | undefined;
  /** Seconds until a repetition may succeed. */
  retryAfter?: number | undefined;
  /** The HTTP status, where the case has one of its own. */
  status?: number | undefined;
  /** Further members of the answer, for surfaces that have room for them. */
  extra?: Record<string, unknown> | undefined;
  cause?: unknown;
}

/** A failure the caller may be told about. Whatever else is thrown is a bug or an outage. */
export class AppError extends Error {
  override name = "AppError";
  readonly code: ErrorCode;
  readonly reason: string;
  readonly retryAfter: number | undefined;
  readonly status: ContentfulStatusCode;
  readonly extra: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, details: Details = {}) {
    super(message, { cause: details.cause });
    this.code = code;
    this.reason = details.reason ?? code;
    this.retryAfter = details.retryAfter;
    this.status = (details.status as ContentfulStatusCode | undefined) ?? STATUS[code];
    this.extra = details.extra ?? {};
  }
}

export interface Told {
  status: ContentfulStatusCode;
  reason: string;
  message: string;
  retryAfter?: number | undefined;
}

/** What may be said about anything that was thrown. Each surface then says it in its own format. */
export function told(error: unknown): Told {
  if (error instanceof AppError) {
    return { status: error.status, reason: error.reason, message: error.message, retryAfter: error.retryAfter };
  }
  if (error instanceof HTTPException && error.status < 500)
    return { status: 400, reason: "invalid", message: error.message };
  logError("not foreseen", error);
  return { status: 500, reason: "internal", message: "Something went wrong" };
}
