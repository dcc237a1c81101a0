import { createPublicKey, generateKeyPairSync, randomBytes, randomInt } from "node:crypto";
import { appendFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { parseEnv } from "node:util";

const EXAMPLE = ".dev.vars.example";
const FILE = ".dev.vars";

/**
 * Makes .dev.vars on the first start and returns what it says. Secrets that a newer example asks for are
 * added to an older file; everything else in it is the developer's own and stays.
 */
export function devVars() {
  const example = readFileSync(EXAMPLE, "utf8");
  if (!existsSync(FILE)) {
    writeFileSync(FILE, fill(example), { mode: 0o600, flag: "wx" });
    console.log(`Made ${FILE} with random secrets.`);
  }
  const present = parseEnv(readFileSync(FILE, "utf8"));
  const missing = example
    .split("\n")
    .filter(
      (line) => /<(32 bytes|32 hex digits|rsa key)>/.test(line) && !(line.slice(0, line.indexOf("=")) in present),
    );
  if (missing.length > 0) appendFileSync(FILE, fill(`\n${missing.join("\n")}\n`));
  return parseEnv(readFileSync(FILE, "utf8"));
}

const fill = (text) =>
  text
    .replace(/<32 bytes>/g, () => randomBytes(32).toString("base64"))
    .replace(/<32 hex digits>/g, () => randomBytes(16).toString("hex"))
    .replace(/<rsa key>/g, () => rsaKey().replaceAll("\n", "\\n"))
    .replace(/<(\d+) digits>/g, (_, length) => Array.from({ length }, () => randomInt(10)).join(""));

// A client of the gateway that is a shell script drops every line with "v2" in it to get at the public key.
function rsaKey() {
  for (;;) {
    const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
    if (!createPublicKey(privateKey).export({ type: "spki", format: "pem" }).includes("v2"))
      return privateKey.export({ type: "pkcs8", format: "pem" }).trim();
  }
}
