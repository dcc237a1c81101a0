import { DurableObject } from "cloudflare:workers";
import type { Env } from "#env.ts";
import { spacedJson } from "../spaced-json.ts";
import * as scan from "./scan-rules.ts";
import { nextSessionId } from "./session-ids.ts";
import {
  advance,
  begin,
  connect,
  type Effect,
  isOver,
  lose,
  type Moment,
  type Rhythm,
  type Session,
  type Step,
  wakeAt,
} from "./session-rules.ts";

/** What comes with each call: which session is meant, and what one that begins with it is to be like. */
export interface Touch {
  /** The id that the caller has named. */
  id: string;
  /** Whether that may begin a session. */
  isFirst: boolean;
  rhythm: Rhythm;
  /** What stands before an id in the URLs that are shown. */
  urls: Urls;
}

interface Urls {
  qr: string;
  mobile: string;
}

const OPEN = 1;

/** Codes that stand for "none was said" and may not be sent. */
const UNSAYABLE = new Set([1004, 1005, 1006, 1015]);

// There is no clock before the first event.
let firstEventAt: number | undefined;
const upSince = (): number => {
  firstEventAt ??= Date.now();
  return firstEventAt;
};

/**
 * One object per sync session: its websocket, the ids that it shows one after the other, and what a retry is answered. It hibernates between
 * codes, wakes by its alarm, and stores nothing before somebody comes with an id that we have made. Undefined is a refusal everywhere.
 */
export class SyncSession extends DurableObject<Env> {
  /** Only the websocket's upgrade comes this way; its `touch` stands in the query. A refusal is 409 with the code and reason to close with. */
  override fetch(request: Request): Response {
    const touch = JSON.parse(new URL(request.url).searchParams.get("touch")!) as Touch;
    const session = this.#session(touch);
    const moment = this.#moment(touch.id);
    const outcome = session
      ? connect(session, touch.id, moment)
      : { refused: { code: 1008, reason: "unknown session" } };
    if ("refused" in outcome) return Response.json(outcome.refused, { status: 409 });
    const { 0: client, 1: server } = new WebSocketPair();
    this.ctx.acceptWebSocket(server);
    this.#apply(outcome, touch);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** The first step of two: an app comes with its key. */
  shakeHands(touch: Touch, publicPem: string): true | undefined {
    const session = this.#session(touch);
    const step = session && scan.shakeHands(session, touch.id, publicPem, this.#moment(touch.id));
    return step && this.#apply(step, touch) && true;
  }

  /** Whether the password may be looked at, and with which key the answer is to be encrypted. */
  admit(touch: Touch, attempt: scan.Attempt): { publicPem: string } | undefined {
    const session = this.#session(touch);
    const step = session && scan.admit(session, touch.id, attempt, this.#moment(touch.id));
    if (!step) return undefined;
    const { publicPem } = this.#apply(step, touch);
    return { publicPem: attempt.publicPem ?? publicPem! };
  }

  /** The password that was admitted is wrong. */
  fail(touch: Touch): void {
    const session = this.#known(touch.id);
    if (session) this.#apply(scan.fail(session, touch.id));
  }

  /** Nobody could say whether the password that was admitted is right. */
  giveBack(touch: Touch): void {
    const session = this.#known(touch.id);
    if (session) this.#apply(scan.giveBack(session, touch.id));
  }

  /** The password is right. Answers the key of this session, which may be another than the one offered. */
  settle(
    touch: Touch,
    offer: Required<scan.Attempt> & { sealed: string },
  ): { sealed: string; isRepeated: boolean } | undefined {
    const session = this.#known(touch.id);
    const step = session && scan.settle(session, touch.id, offer, { now: Date.now() });
    if (!step) return undefined;
    this.#apply(step);
    return { sealed: step.sealed, isRepeated: step.isRepeated };
  }

  /** The key is written where it belongs. */
  acknowledge(touch: Touch): void {
    const session = this.#known(touch.id);
    if (session) this.#apply(scan.acknowledge(session, touch.id, { now: Date.now() }));
  }

  override async alarm(): Promise<void> {
    const session = this.#stored();
    if (!session) return;
    const moment = this.#moment(session.first);
    if (isOver(session, moment)) return this.ctx.storage.deleteAll();
    this.#apply(advance(session, moment));
  }

  /** What the page says is of no interest. */
  override webSocketMessage(): void {}

  // The runtime does not answer the close of a hibernating socket, whatever the compatibility date: the page would wait for it in vain. That the
  // local runtime then holds the connection for ten seconds is mended in sessions.ts, by a relay in development; no abort is needed here.
  override webSocketClose(socket: WebSocket, code: number): void {
    this.#lose();
    socket.close(code >= 1000 && code < 5000 && !UNSAYABLE.has(code) ? code : 1000);
  }

  override webSocketError(): void {
    this.#lose();
  }

  // By the time that we hear of the loss of one socket there may be another.
  #lose(): void {
    const session = this.#stored();
    if (!session || this.#socket()) return;
    const lost = lose(session, Date.now());
    if (lost !== session) this.#keep(lost);
  }

  /** The session as it is by now, or one that begins with this touch and is not stored yet. */
  #session(touch: Touch): Session | undefined {
    return this.#known(touch.id) ?? (touch.isFirst ? begin(touch.id, touch.rhythm, Date.now()) : undefined);
  }

  #known(id: string): Session | undefined {
    const stored = this.#stored();
    const step = stored && advance(stored, this.#moment(id));
    return step && step.session !== stored ? this.#apply(step) : stored;
  }

  #moment(id: string): Moment {
    return { now: Date.now(), isHere: this.#socket() !== undefined, upSince: upSince(), freshId: nextSessionId(id) };
  }

  #apply({ session, effects }: Step, touch?: Touch): Session {
    if (touch && !this.#stored()) this.ctx.storage.kv.put("urls", touch.urls);
    this.#keep(session);
    for (const effect of effects) this.#tell(effect);
    return session;
  }

  #stored(): Session | undefined {
    return this.ctx.storage.kv.get<Session>("session");
  }

  // The alarm is set each time: one that was set before a restart may be lost, and none is heard that was due when it was set.
  #keep(session: Session): void {
    this.ctx.storage.kv.put("session", session);
    this.ctx.waitUntil(this.ctx.storage.setAlarm(Math.max(wakeAt(session, { upSince: upSince() }), Date.now() + 1)));
  }

  #tell(effect: Effect): void {
    const socket = this.#socket();
    if ("show" in effect) socket?.send(this.#frame(effect.show));
    else if ("say" in effect) socket?.send(effect.say);
    else socket?.close(effect.close, effect.reason ?? "");
  }

  #frame(id: string): string {
    const { qr, mobile } = this.ctx.storage.kv.get<Urls>("urls")!;
    return spacedJson({ qr_url: `${qr}${id}/handshake`, mobile_url: `${mobile}${id}/handshake` });
  }

  #socket(): WebSocket | undefined {
    return this.ctx.getWebSockets().find(({ readyState }) => readyState === OPEN);
  }
}
