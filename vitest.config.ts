import { readFileSync } from "node:fs";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";
import { memoryFolder } from "./bench/memory-folder.ts";

process.env.TMPDIR = memoryFolder(); // where the runtime of the tests keeps its databases

const gateway = JSON.parse(readFileSync("test/gateway/vectors.json", "utf8"));
const key = Buffer.alloc(32, 7).toString("base64");

/**
 * A password's hash takes 0.14 s on purpose, and the tests make hundreds: theirs is a cheap one. The bench measures the real one, and the
 * end-to-end tests pay for it.
 */
const cheapHashes = {
  name: "cheap-hashes",
  transform(code: string, id: string) {
    if (!id.endsWith("/src/platform/passwords.ts")) return undefined;
    if (!code.includes("const LOG_N = 14;"))
      throw new Error("passwords.ts has another cost than vitest.config.ts knows");
    return code.replace("const LOG_N = 14;", "const LOG_N = 4;");
  },
};

export default defineConfig(async () => ({
  plugins: [
    cheapHashes,
    cloudflareTest({
      main: "./src/index.ts",
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: {
        bindings: {
          MIGRATIONS: await readD1Migrations("migrations"),
          ENVIRONMENT: "development",
          SMS_TRANSPORT: "kannel",
          KANNEL_URL: "http://kannel.test:13013",
          KANNEL_USER: "yardgate",
          KANNEL_PASS: "kannel-pass",
          KANNEL_FROM: "YARDGATE",
          KANNEL_HOOK_SECRET: "kannel-hook-secret",
          PBX_HOOK_SECRET: "pbx-hook-secret-1",
          PUBLIC_URL: "https://api.example.net",
          INTEGRATION_TOKEN: "integration-token",
          TEST_USER: "",
          TEST_PASS: "",
          GATEWAY_PRIVATE_KEY: gateway.keys.server_private_pkcs1_pem,
          GATEWAY_SHARED_KEY: gateway.broadcast_delete.be_shared_key_file_line,
          GATEWAY_HASHING_SALT: gateway.msisdn_hash.key_utf8,
          PUBLISHER_URL: "https://publisher.example.net",
          MASTER_KEY: key,
          SIGNING_KEYS: JSON.stringify({ k1: key }),
          PEPPERS: JSON.stringify({ k1: key }),
        },
      },
    }),
  ],
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/e2e/**"],
    setupFiles: ["test/support/migrate.ts"],
    deps: { optimizer: { ssr: { enabled: true, include: ["@cantoo/pdf-lib"] } } }, // hundreds of files, which take seconds one by one
    isolate: false,
    disableConsoleIntercept: true, // a line that a queue still prints after the last test must not count as a failure
    maxWorkers: 2, // each with a workerd and storage of its own; vitest's own preset leaves one of two cores idle
  },
}));
