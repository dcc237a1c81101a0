// Sums Vitest's JSON reports: `node sum-tests.mjs [report.json status]...`, where status is the exit code of the
// command that wrote the report. Prints one closing line and fails when anything failed or nothing ran.
import { readFileSync } from "node:fs";

let [passed, failed] = [0, 0];
const runs = process.argv.slice(2);
for (let i = 0; i < runs.length; i += 2) {
  const report = read(runs[i]);
  // A file that cannot even be loaded has no tests to count.
  const broken = report.testResults.filter((file) => file.status === "failed" && file.assertionResults.length === 0);
  const failures = report.numFailedTests + broken.length;
  passed += report.numPassedTests;
  failed += failures === 0 && runs[i + 1] !== "0" ? 1 : failures;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed > 0 || passed === 0 ? 1 : 0);

// No report: the command ended before its tests, with a status that says so.
function read(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { numPassedTests: 0, numFailedTests: 0, testResults: [] };
  }
}
