import { ulid } from "ulid";

// A request that goes on inside this Worker keeps its name, so that one id runs through every log and answer.
const names = new WeakMap<Request, string>();

/** Names a request that is handed on inside. */
export function callIt(request: Request, id: string): Request {
  names.set(request, id);
  return request;
}

/** The name that the request was handed on with, or a new one. */
export const nameOf = (request: Request): string => names.get(request) ?? ulid();

/** An id that a trusted client sent, if it is a ULID. */
export const trustedId = (given: string | undefined): string | undefined =>
  given !== undefined && /^[0-9A-HJKMNP-TV-Z]{26}$/.test(given) ? given : undefined;
