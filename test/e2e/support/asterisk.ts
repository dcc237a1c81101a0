import { spawnSync } from "node:child_process";
import { existsSync, globSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./ports.ts";
import { Program } from "./processes.ts";

/** Debian 12 has no `asterisk`, Debian 11 has: its packages are unpacked beside the project and touch nothing of the system. */
const HOME = resolve("node_modules/.cache/asterisk-16");
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Whether Asterisk can be had here. Fetches it the first time: 73 MB, some ten seconds. */
export function asteriskIsHere(): boolean {
  return existsSync(join(HOME, "usr/sbin/asterisk")) || mirrors().some(fetchFrom);
}

/** Where this machine gets Debian from: the older release is beside the newer one. */
function mirrors(): string[] {
  const { stdout } = spawnSync("apt-get", ["indextargets", "--format", "$(REPO_URI)"], { encoding: "utf8" });
  return [...new Set((stdout ?? "").split("\n"))].filter((uri) => /\/debian\/?$/.test(uri));
}

function fetchFrom(mirror: string): boolean {
  const work = `${HOME}.fetching`;
  rmSync(work, { recursive: true, force: true });
  for (const name of ["lists/partial", "cache/archives/partial", "root"])
    mkdirSync(join(work, name), { recursive: true });
  writeFileSync(join(work, "sources.list"), `deb [signed-by=${KEYRING}] ${mirror} bullseye main\n`);
  writeFileSync(join(work, "status"), "");
  const options = [
    ...[`Dir::Etc::sourcelist=${work}/sources.list`, "Dir::Etc::sourceparts=/dev/null", `Dir::State=${work}`],
    ...[`Dir::State::lists=${work}/lists`, `Dir::State::status=${work}/status`, `Dir::Cache=${work}/cache`],
    ...["Debug::NoLocking=true", "APT::Sandbox::User=root", "Acquire::Check-Valid-Until=false"],
  ].flatMap((option) => ["-o", option]);
  const got =
    runs("apt-get", [...options, "update"]) &&
    runs("apt-get", [...options, "install", "-y", "--no-install-recommends", "--download-only", "asterisk"]) &&
    globSync(`${work}/cache/archives/*.deb`).every((deb) => runs("dpkg", ["-x", deb, `${work}/root`]));
  if (got) renameSync(`${work}/root`, HOME);
  rmSync(work, { recursive: true, force: true });
  return got;
}

const runs = (command: string, args: string[]) =>
  spawnSync(command, args, { stdio: "ignore", timeout: 90_000 }).status === 0;

/** The PBX of an operator, which knows its SIP accounts from us alone. */
export class Asterisk {
  readonly #program: Program;

  private constructor(
    readonly port: number,
    program: Program,
  ) {
    this.#program = program;
  }

  /** `realtimeUrl` ends where the kind of the objects begins, and carries the credentials. */
  static async start(directory: string, realtimeUrl: string): Promise<Asterisk> {
    const port = await freePort();
    const work = join(directory, "asterisk");
    for (const name of ["etc", "lib", "db", "keys", "spool", "run", "log"])
      mkdirSync(join(work, name), { recursive: true });
    for (const [name, text] of Object.entries(configuration(work, port, realtimeUrl)))
      writeFileSync(join(work, "etc", name), text);

    // Its own loader and libraries: those of the system are too new for it.
    const loader = globSync(join(HOME, "lib/*/ld-[0-9]*.so"))[0]!;
    const libraries = [dirname(loader), dirname(loader).replace("/lib/", "/usr/lib/"), join(HOME, "usr/lib")].join(":");
    const args = [
      "--library-path",
      libraries,
      join(HOME, "usr/sbin/asterisk"),
      "-C",
      join(work, "etc/asterisk.conf"),
      "-f",
      "-n",
    ];
    const program = new Program("asterisk", loader, args, { directory });
    await eventually("Asterisk", () => program.output().includes("Asterisk Ready"));
    return new Asterisk(port, program);
  }

  /** What it has printed: refused registrations above all. */
  output(): string {
    return this.#program.output();
  }

  crash(): Promise<void> {
    return this.#program.crash();
  }
}

const MODULES = [
  ...["res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb", "res_sorcery_realtime", "res_pjproject"],
  ...["res_pjsip", "res_pjsip_authenticator_digest", "res_pjsip_endpoint_identifier_user", "res_pjsip_registrar"],
];

function configuration(work: string, port: number, realtimeUrl: string): Record<string, string> {
  const kinds = ["endpoint", "auth", "aor"];
  return {
    "asterisk.conf": [
      "[directories]",
      `astetcdir => ${work}/etc`,
      `astmoddir => ${HOME}/usr/lib/asterisk/modules`,
      `astdatadir => ${HOME}/usr/share/asterisk`,
      `astvarlibdir => ${work}/lib`,
      ...["db", "key"].map((name) => `ast${name}dir => ${work}/${name === "key" ? "keys" : name}`),
      ...["spool", "run", "log"].map((name) => `ast${name}dir => ${work}/${name}`),
    ].join("\n"),
    "modules.conf": [
      "[modules]",
      "autoload = no",
      ...["res_curl", "func_curl", "res_config_curl"].map((name) => `preload = ${name}.so`),
      ...MODULES.map((name) => `load = ${name}.so`),
    ].join("\n"),
    "extconfig.conf": ["[settings]", ...kinds.map((kind) => `ps_${kind}s => curl,${realtimeUrl}/${kind}s`)].join("\n"),
    "sorcery.conf": ["[res_pjsip]", ...kinds.map((kind) => `${kind} = realtime,ps_${kind}s`)].join("\n"),
    "pjsip.conf": ["[udp]", "type = transport", "protocol = udp", `bind = 127.0.0.1:${port}`].join("\n"),
    "logger.conf": "[logfiles]\nconsole => notice,warning,error",
  };
}
