import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GROUPS_FILE, killGroup } from "./processes.ts";

/** Vitest's global set-up: at the very end, whatever a test has started and not ended is killed. */
export default function setup(): () => void {
  const directory = mkdtempSync(join(tmpdir(), "yardgate-e2e-groups-"));
  const file = join(directory, "groups");
  writeFileSync(file, "");
  process.env[GROUPS_FILE] = file;
  return () => {
    for (const id of readFileSync(file, "utf8").split("\n").filter(Boolean)) killGroup(Number(id));
    rmSync(directory, { recursive: true });
  };
}
