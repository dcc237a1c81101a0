/**
 * Prints an error for the operator. drizzle's own message of a failed query ends with the bound parameters, and so with
 * phones and whatever else a row holds: of such an error only the statement and its cause are printed.
 */
export function logError(what: string, error: unknown): void {
  console.error(`${what}:`, safe(error));
}

function safe(error: unknown): unknown {
  if (!(error instanceof Error) || !("query" in error && "params" in error)) return error;
  return new Error(`Failed query: ${String(error.query)}`, { cause: error.cause });
}
