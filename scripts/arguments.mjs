import { resolve } from "node:path";
import { parseArgs } from "node:util";

const KNOWN = {
  port: { type: "string" },
  ip: { type: "string" },
  "persist-to": { type: "string" },
  var: { type: "string", multiple: true },
  config: { type: "string", short: "c" },
  env: { type: "string", short: "e" },
  local: { type: "boolean", short: "l" },
  remote: { type: "boolean", short: "r" },
};

/**
 * What the start itself must know of the flags for `wrangler dev`. All of them are passed on as they are,
 * `passedOn` only adds what is ours: a fixed port, so that printed addresses are right, and `--local`.
 */
export function readArguments(args) {
  const { values, tokens } = parseArgs({ args, options: KNOWN, strict: false, allowPositionals: true, tokens: true });
  const port = Number(values.port ?? 8787);
  const persistTo = values["persist-to"] && resolve(values["persist-to"]);
  const host = !values.ip || ["0.0.0.0", "::", "*", "localhost"].includes(values.ip) ? "127.0.0.1" : values.ip;
  const passedOn = [...args];
  if (!values.port) passedOn.push("--port", String(port));
  if (!values.local && !values.remote) passedOn.push("--local");
  return {
    port,
    host,
    url: `http://${host.includes(":") ? `[${host}]` : host}:${port}`,
    vars: variables(tokens),
    isRemote: values.remote === true,
    passedOn,
    // `wrangler d1` must look at the same configuration and the same folder as `wrangler dev`.
    database: [
      ...(persistTo ? ["--persist-to", persistTo] : []),
      ...(values.config ? ["--config", values.config] : []),
      ...(values.env ? ["--env", values.env] : []),
    ],
  };
}

// `--var A:1 B:2` gives two: wrangler takes every word up to the next flag. The value may hold colons.
function variables(tokens) {
  const vars = {};
  let inVar = false;
  for (const { kind, name, value } of tokens) {
    if (kind === "option") inVar = name === "var";
    if (!inVar || typeof value !== "string") continue;
    const colon = value.indexOf(":");
    if (colon > 0) vars[value.slice(0, colon)] = value.slice(colon + 1);
  }
  return vars;
}
