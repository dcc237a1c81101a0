/** The few parts of npm's `smpp` that the fake SMSC uses; the package has no types. */
declare module "smpp" {
  import type { EventEmitter } from "node:events";
  import type { Server } from "node:net";

  interface Pdu {
    command: string;
    system_id: string;
    password: string;
    source_addr: string;
    destination_addr: string;
    data_coding: number;
    registered_delivery: number;
    short_message: { message: string | Buffer; udh?: Buffer[] };
    response(fields?: Record<string, unknown>): Pdu;
  }

  interface Session extends EventEmitter {
    send(pdu: Pdu): void;
    close(): void;
    destroy(): void;
    deliver_sm(fields: Record<string, unknown>, answered?: (pdu: Pdu) => void): void;
    on(event: "close", listener: () => void): this;
    on(event: "error", listener: (error: Error) => void): this;
    on(event: string, listener: (pdu: Pdu) => void): this;
  }

  const smpp: {
    createServer(listener: (session: Session) => void): Server;
    ESME_RINVPASWD: number;
    ESME_RINVDSTADR: number;
    ESME_RTHROTTLED: number;
  };

  export type { Pdu, Session };
  export default smpp;
}
