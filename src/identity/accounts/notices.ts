import type { Env } from "#env.ts";

/** What the owner of an account is told without having asked. */
export type Notice =
  | "new_login"
  | "session_capped"
  | "refresh_reused"
  | "password_changed"
  | "identifier_changed"
  | "banned"
  | "removed_from_domain";

/** Tells the owner of an account what happened to it, where they can be reached. Never throws. */
export async function tellOwner(_env: Env, _operator: string, _accountId: string, _notice: Notice): Promise<void> {}
