import { defineConfig } from "vitest/config";

// The Worker beside the programs that it works with in an operator's rack, each of them the real one: one file
// at a time, because they are many and the machine may be small.
export default defineConfig({
  test: {
    include: ["test/e2e/**/*.e2e.test.ts"],
    globalSetup: ["test/e2e/support/packages.ts", "test/e2e/support/leftovers.ts"],
    environment: "node",
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
