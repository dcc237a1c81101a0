import { DurableObject } from "cloudflare:workers";
import type { Env } from "#env.ts";

interface Line {
  /** Its SIP password. */
  password: string;
  /** Milliseconds since 1970. */
  endsAt: number;
}

/**
 * One object per operator and extension: the SIP account of a phone for the time of one call. It is known from the
 * moment that it is made, and an alarm takes its password away.
 */
export class TemporaryExtension extends DurableObject<Env> {
  /** Makes the extension, or gives it another password and a new life. */
  async make(password: string, lifeSeconds: number, now = Date.now()): Promise<void> {
    const endsAt = now + lifeSeconds * 1000;
    this.ctx.storage.kv.put("line", { password, endsAt } satisfies Line);
    await this.ctx.storage.setAlarm(endsAt);
  }

  /** Its password; undefined when there is no such extension, or no longer. */
  password(now = Date.now()): string | undefined {
    const line = this.ctx.storage.kv.get<Line>("line");
    return line && line.endsAt > now ? line.password : undefined;
  }

  override async alarm(): Promise<void> {
    await this.ctx.storage.deleteAll();
  }
}
