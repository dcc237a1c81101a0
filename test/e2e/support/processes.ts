import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";

interface Options {
  /** Where its output goes, as `<name>.log`. */
  directory: string;
  environment?: NodeJS.ProcessEnv;
}

/** Names a file with the process groups of this run, for whatever a failed test leaves behind. */
export const GROUPS_FILE = "E2E_PROCESS_GROUPS";

/**
 * A program in a process group of its own, so that it can be ended together with everything that it started:
 * smsbox starts itself anew under another id, and wrangler has four children.
 */
export class Program {
  readonly #child: ChildProcess;
  readonly #log: string;
  #hasEnded = false;

  constructor(name: string, command: string, args: string[], { directory, environment = process.env }: Options) {
    this.#log = join(directory, `${name}.log`);
    const log = openSync(this.#log, "a");
    this.#child = spawn(command, args, { detached: true, stdio: ["ignore", log, log], env: environment });
    closeSync(log);
    this.#child.once("exit", () => {
      this.#hasEnded = true;
    });
    const registry = process.env[GROUPS_FILE];
    if (registry) appendFileSync(registry, `${this.#child.pid}\n`);
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The exit code, once it has ended by itself or by a signal that it handled. */
  get exitCode(): number | null {
    return this.#child.exitCode;
  }

  output(): string {
    return readFileSync(this.#log, "utf8");
  }

  /** Asks the program itself to end; what it started is its own business. */
  async stop(): Promise<void> {
    this.#child.kill("SIGTERM");
    await eventually("the program to end", () => this.#hasEnded);
  }

  /** kill -9 for it and everything it started: a crash. */
  async crash(): Promise<void> {
    killGroup(this.#child.pid!);
    await eventually("the program to be gone", () => this.#hasEnded);
  }
}

export function killGroup(id: number): void {
  try {
    process.kill(-id, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
