import { existsSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";

/** Where Linux keeps files in memory. The local runtime flushes its databases with every change, and a disk would be what is waited for. */
const MEMORY = "/dev/shm";
/** What the bench and the tests take at most; a container may have less. */
const MEMORY_BYTES = 2 ** 30;

/** A folder in memory for databases that nobody needs afterwards, the temporary folder where there is none or not enough. */
export function memoryFolder(): string {
  if (!existsSync(MEMORY)) return tmpdir();
  const { bavail, bsize } = statfsSync(MEMORY);
  return bavail * bsize >= MEMORY_BYTES ? MEMORY : tmpdir();
}
