import { once } from "node:events";
import type { Server } from "node:net";
import smpp, { type Pdu, type Session } from "smpp";

export const SMSC_USER = "smsc-user";
export const SMSC_PASSWORD = "smscpass"; // SMPP allows eight characters

/** One submit_sm as it came. */
export interface Submitted {
  id: string;
  from: string;
  to: string;
  text: string;
  /** 0: GSM 7 bit, 8: UCS-2. */
  dataCoding: number;
}

/**
 * A mobile operator's SMSC (SMPP 3.4) on loopback. How it treats a message depends on the last digits of the
 * number: 90 refuses it, 91 is throttled once, 93 cannot be delivered, 97 never gets a report; all others
 * are delivered.
 */
export class FakeSmsc {
  readonly received: Submitted[] = [];
  readonly #sessions = new Set<Session>();
  readonly #throttled = new Set<string>();
  #server: Server | undefined;
  #lastId = 1000;

  constructor(readonly port: number) {}

  async start(): Promise<void> {
    this.#server = smpp.createServer((session) => this.#serve(session));
    this.#server.listen(this.port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  /** Drops the line: what Kannel takes from now on stays in its store. */
  async stop(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = new Promise((resolve) => server.close(resolve));
    for (const session of this.#sessions) session.destroy();
    await closed;
  }

  to(phone: string): Submitted[] {
    return this.received.filter((message) => message.to === phone);
  }

  /** A person sends an SMS to our number. Resolves when Kannel has taken it. */
  deliver(from: string, to: string, text: string): Promise<void> {
    const message = { source_addr_ton: 1, source_addr_npi: 1, source_addr: from, destination_addr: to };
    const session = this.#anySession();
    return new Promise((resolve) =>
      session.deliver_sm({ ...message, data_coding: 8, short_message: ucs2(text) }, () => resolve()),
    );
  }

  /**
   * The same for a long one in letters of GSM 7 bit that are also ASCII's: part by part, as phones send it. Resolves to the number of parts
   * when Kannel has taken the last. `reference`: one for all parts, 0 to 255.
   */
  async deliverInParts(from: string, to: string, text: string, reference: number): Promise<number> {
    const parts = text.match(/[\s\S]{1,153}/g) ?? [];
    const message = { source_addr_ton: 1, source_addr_npi: 1, source_addr: from, destination_addr: to };
    for (const [index, part] of parts.entries()) {
      const header = Buffer.from([5, 0, 3, reference, parts.length, index + 1]);
      const short_message = Buffer.concat([header, Buffer.from(part, "latin1")]);
      await new Promise<void>((resolve) =>
        this.#anySession().deliver_sm({ ...message, esm_class: 0x40, data_coding: 0, short_message }, () => resolve()),
      );
    }
    return parts.length;
  }

  #anySession(): Session {
    const [session] = this.#sessions;
    if (!session) throw new Error("Kannel is not bound to the SMSC");
    return session;
  }

  #serve(session: Session): void {
    session.on("error", () => undefined); // a killed Kannel resets its connection
    session.on("close", () => this.#sessions.delete(session));
    session.on("enquire_link", (pdu) => session.send(pdu.response()));
    session.on("unbind", (pdu) => session.send(pdu.response()));
    session.on("bind_transceiver", (pdu) => this.#bind(session, pdu));
    session.on("submit_sm", (pdu) => this.#submit(session, pdu));
  }

  #bind(session: Session, pdu: Pdu): void {
    if (pdu.system_id !== SMSC_USER || pdu.password !== SMSC_PASSWORD) {
      session.send(pdu.response({ command_status: smpp.ESME_RINVPASWD }));
      session.close();
      return;
    }
    this.#sessions.add(session);
    session.send(pdu.response({ system_id: "SMSC" }));
  }

  #submit(session: Session, pdu: Pdu): void {
    const to = pdu.destination_addr;
    const refusal = this.#refusal(to);
    if (refusal !== undefined) {
      session.send(pdu.response({ command_status: refusal }));
      return;
    }
    const { message } = pdu.short_message;
    const text = typeof message === "string" ? message : message.toString("latin1");
    const id = String(++this.#lastId);
    this.received.push({ id, from: pdu.source_addr, to, text, dataCoding: pdu.data_coding });
    session.send(pdu.response({ message_id: id }));
    if (pdu.registered_delivery & 1 && !to.endsWith("97")) this.#report(pdu, id, text);
  }

  #refusal(to: string): number | undefined {
    if (to.endsWith("90")) return smpp.ESME_RINVDSTADR;
    if (!to.endsWith("91") || this.#throttled.has(to)) return undefined;
    this.#throttled.add(to);
    return smpp.ESME_RTHROTTLED;
  }

  // SMPP 3.4, appendix B. Real centres repeat the beginning of the text here, and with it the code.
  #report(pdu: Pdu, id: string, text: string): void {
    const isDelivered = !pdu.destination_addr.endsWith("93");
    const [stat, error] = isDelivered ? ["DELIVRD", "000"] : ["UNDELIV", "034"];
    const date = new Date().toISOString().replace(/\D/g, "").slice(2, 12);
    const start = text.replace(/[^\x20-\x7e]/g, "?").slice(0, 20);
    const receipt = `id:${id} sub:001 dlvrd:001 submit date:${date} done date:${date} stat:${stat} err:${error} text:${start}`;
    this.#anySession().deliver_sm({
      esm_class: 4,
      source_addr: pdu.destination_addr,
      destination_addr: pdu.source_addr,
      short_message: receipt,
    });
  }
}

const ucs2 = (text: string): Buffer => Buffer.from(text, "utf16le").swap16();
