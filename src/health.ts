import type { Context } from "hono";
import { SettingsError, settings } from "#env.ts";
import type { AppEnv } from "#platform/http.ts";

/** Whether this deployment can work: its settings are whole. A bad one is told by the names of the variables, never their values. */
export function health(c: Context<AppEnv>): Response {
  try {
    settings(c.env);
    return c.json({ status: "ok" });
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error;
    return c.json({ status: "misconfigured", problem: error.message }, 503);
  }
}
