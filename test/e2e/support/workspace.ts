import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder for everything that one test file writes. nginx's workers, which are nobody, must pass through it. */
export function makeWorkspace(): { directory: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), "yardgate-e2e-"));
  chmodSync(directory, 0o711);
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true, maxRetries: 5 }) };
}
