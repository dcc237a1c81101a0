import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./ports.ts";
import { Program } from "./processes.ts";
import { SMSC_PASSWORD, SMSC_USER } from "./smsc.ts";

const BEARERBOX = "/usr/sbin/bearerbox";
const SMSBOX = "/usr/sbin/smsbox";

interface Setup {
  directory: string;
  smscPort: number;
  /** Where smsbox brings what people send to us. */
  inboundUrl: string;
}

/** Debian's Kannel: bearerbox speaks SMPP to the SMSC, smsbox speaks HTTP to us. Nothing of the system's own Kannel is touched. */
export class Kannel {
  static readonly user = "yardgate";
  static readonly password = "kannel-pass";
  readonly #directory: string;
  readonly #ports: { admin: number; box: number; http: number };
  #bearerbox: Program | undefined;
  #smsbox: Program | undefined;

  private constructor(directory: string, ports: { admin: number; box: number; http: number }) {
    this.#directory = directory;
    this.#ports = ports;
  }

  static async prepare({ directory, ...setup }: Setup): Promise<Kannel> {
    const home = join(directory, "kannel");
    mkdirSync(home);
    const ports = { admin: await freePort(), box: await freePort(), http: await freePort() };
    writeFileSync(join(home, "kannel.conf"), configuration({ ...setup, ...ports, home }));
    return new Kannel(home, ports);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#ports.http}`;
  }

  /** Files that Kannel writes and people read. */
  get logs(): string[] {
    return ["bearerbox-own.log", "smsbox-own.log", "access.log", "bearerbox.log", "smsbox.log"].map((name) =>
      join(this.#directory, name),
    );
  }

  /** Both boxes, until Kannel says that smsbox is there. The SMSC may come later. */
  async start(): Promise<void> {
    await this.startBearerbox();
    this.#smsbox = this.#run("smsbox", SMSBOX);
    await this.isComplete();
  }

  async startBearerbox(): Promise<void> {
    this.#bearerbox = this.#run("bearerbox", BEARERBOX);
    await eventually("bearerbox", () => this.#status());
  }

  /** smsbox notices a new bearerbox by itself, but takes its ten seconds. */
  async isComplete(): Promise<void> {
    const isThere = async () => (await this.#status()).includes("smsbox:");
    await eventually("smsbox at bearerbox", isThere, { withinMs: 40_000 });
  }

  async isBound(): Promise<void> {
    const isThere = async () => /SIM.*\(online/.test(await this.#status());
    await eventually("Kannel to be bound to the SMSC", isThere, { withinMs: 30_000 });
  }

  /** kill -9 of the box that keeps the messages. */
  async crashBearerbox(): Promise<void> {
    await this.#bearerbox?.crash();
  }

  async crash(): Promise<void> {
    await Promise.all([this.#smsbox?.crash(), this.#bearerbox?.crash()]);
  }

  #run(name: string, command: string): Program {
    const config = join(this.#directory, "kannel.conf");
    const quiet = ["-v", "2"]; // what goes to the terminal has a level of its own, and it would show texts
    return new Program(name, command, [...quiet, config], { directory: this.#directory });
  }

  async #status(): Promise<string> {
    return (await fetch(`http://127.0.0.1:${this.#ports.admin}/status.txt?password=status`)).text();
  }
}

interface Configuration {
  home: string;
  admin: number;
  box: number;
  http: number;
  smscPort: number;
  inboundUrl: string;
}

/**
 * As for production, apart from the short waits: loopback only; logs that cannot hold a text (no %b in the
 * access log's format, level 2, no access log of smsbox); store in a file that is written at every change;
 * no global-sender, which would stand in for the number that an inbound SMS was sent to; inbound text as UTF-8.
 */
const configuration = ({ home, admin, box, http, smscPort, inboundUrl }: Configuration): string => `
group = core
admin-port = ${admin}
admin-interface = 127.0.0.1
admin-password = admin
status-password = status
admin-allow-ip = "127.0.0.1"
admin-deny-ip = "*.*.*.*"
smsbox-port = ${box}
smsbox-interface = 127.0.0.1
box-allow-ip = "127.0.0.1"
box-deny-ip = "*.*.*.*"
log-file = "${home}/bearerbox-own.log"
log-level = 2
access-log = "${home}/access.log"
access-log-format = "%t %l [SMSC:%i] [FID:%F] [from:%p] [to:%P] [st:%d] [len:%L]"
store-type = file
store-location = "${home}/store"
store-dump-freq = 1
dlr-storage = internal
sms-resend-freq = 1
sms-resend-retry = -1
sms-combine-concatenated-mo = true
http-timeout = 10

group = smsc
smsc = smpp
smsc-id = SIM
host = 127.0.0.1
port = ${smscPort}
transceiver-mode = true
smsc-username = ${SMSC_USER}
smsc-password = ${SMSC_PASSWORD}
system-type = ""
interface-version = 34
dest-addr-ton = 1
dest-addr-npi = 1
enquire-link-interval = 5
reconnect-delay = 1
throughput = 50
wait-ack = 5
wait-ack-expire = 1
msg-id-type = 0x00

group = smsbox
bearerbox-host = 127.0.0.1
sendsms-port = ${http}
sendsms-interface = 127.0.0.1
log-file = "${home}/smsbox-own.log"
log-level = 2
mo-recode = true
http-request-retry = 100
http-queue-delay = 1

group = sendsms-user
username = ${Kannel.user}
password = ${Kannel.password}
user-deny-ip = "*.*.*.*"
user-allow-ip = "127.0.0.1"
concatenation = true
max-messages = 5

group = sms-service
keyword = default
catch-all = true
max-messages = 0
omit-empty = true
get-url = "${inboundUrl}"
`;
