import { DurableObject } from "cloudflare:workers";
import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { logError } from "#platform/log.ts";
import { callWithCredentials, hostAllowed } from "#platform/outbound.ts";
import { type NewEvent, newEvent, recordEvent } from "./events.ts";
import { followUp } from "./log/aftermath.ts";
import type { Event } from "./log/tables.ts";
import { doorById } from "./queries.ts";
import { openUrlOf } from "./registry.ts";

/** What came of pressing the button. */
export type Opening = "opened" | "unreachable" | "refused" | "forbidden_host" | "gone";

/** Within this time a resident's repeated presses are one: the apps send them again when no answer came. */
const ONE_PRESS_MS = 3_000;
const PANEL_LIMIT_MS = 5_000;
const EVENT_RETRY_MS = 10_000;

interface Press {
  /** When it was answered; while the panel is being called, not yet. */
  doneAt: number;
  opening: Promise<Opening>;
}

/**
 * One object per door. It calls the panel and writes the event, so that neither is done twice when two requests of one
 * press arrive at different places. Presses live in memory only: what a restart forgets is at most a second opening.
 */
export class DoorOpener extends DurableObject<Env> {
  #presses = new Map<string, Press>();

  /** Opens the door for this account, or joins the opening that its last press has begun. */
  async open(doorId: number, account: string, event: NewEvent): Promise<Opening> {
    for (const [who, press] of this.#presses) if (Date.now() - press.doneAt >= ONE_PRESS_MS) this.#presses.delete(who);
    const running = this.#presses.get(account);
    if (running) return running.opening;

    const press: Press = { doneAt: Number.POSITIVE_INFINITY, opening: this.#openAndRecord(doorId, event) };
    this.#presses.set(account, press);
    const opening = await press.opening.catch((error: unknown) => {
      this.#presses.delete(account);
      throw error;
    });
    press.doneAt = Date.now();
    // A press that did not open the door may be repeated at once.
    if (opening !== "opened") this.#presses.delete(account);
    return opening;
  }

  async #openAndRecord(doorId: number, event: NewEvent): Promise<Opening> {
    const opening = await this.#callPanel(doorId);
    if (opening === "opened") await this.#record(newEvent(this.env, event));
    return opening;
  }

  async #callPanel(doorId: number): Promise<Opening> {
    const { OPERATOR, PANEL_HOSTS, ENVIRONMENT } = settings(this.env);
    const door = await doorById(database(this.env), OPERATOR, doorId);
    if (!door) return "gone";
    const url = new URL(await openUrlOf(this.env, door));
    if (!hostAllowed(url, PANEL_HOSTS, ENVIRONMENT === "development")) return "forbidden_host";
    const answer = await callWithCredentials(url, { method: door.openTrait, timeLimitMs: PANEL_LIMIT_MS }).catch(
      () => undefined,
    );
    await answer?.body?.cancel();
    if (!answer) return "unreachable";
    return answer.status === 200 || answer.status === 204 ? "opened" : "refused";
  }

  /** The door is open: its event must not be lost, even if D1 is away for a moment. */
  async #record(event: Event): Promise<void> {
    try {
      await recordEvent(this.env, event);
      this.ctx.waitUntil(followUp(this.env, event)); // the picture takes seconds, and the door is open
    } catch (error) {
      logError("event kept for later", error);
      this.ctx.storage.kv.put(`event:${event.id}`, event);
      await this.ctx.storage.setAlarm(Date.now() + EVENT_RETRY_MS);
    }
  }

  override async alarm(): Promise<void> {
    for (const [key, event] of this.ctx.storage.kv.list<Event>({ prefix: "event:" })) {
      if (await recordEvent(this.env, event)) this.ctx.waitUntil(followUp(this.env, event));
      this.ctx.storage.kv.delete(key);
    }
  }
}
