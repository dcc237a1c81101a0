import { vi } from "vitest";

/** Mails that development prints instead of sending them. */
export function mails(): { to(address: string): Promise<{ subject: string; text: string }> } {
  const printed = vi.spyOn(console, "log").mockImplementation(() => {});
  return {
    /** The latest one to the address; waits for it. */
    to: (address) =>
      vi.waitFor(
        () => {
          const lines = printed.mock.calls.map(([line]) => String(line)).filter((line) => line.startsWith("{"));
          const found = lines.map((line) => JSON.parse(line)).findLast((mail) => mail.to === address.toLowerCase());
          if (!found) throw new Error(`no mail to ${address}`);
          return found;
        },
        { timeout: 5_000, interval: 10 },
      ),
  };
}
