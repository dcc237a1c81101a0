import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./ports.ts";
import { Program } from "./processes.ts";

const NGINX = "/usr/sbin/nginx";
const FRAMES_PER_SECOND = 10;

/** How long the media server keeps one answer of the callout. A Flussonic takes this from X-AuthDuration. */
export const AUTH_SECONDS = 10;

interface Setup {
  directory: string;
  /** The callout: asked with the query of a Flussonic. */
  calloutUrl: string;
}

/** nginx and ffmpeg as a media server: HLS that is played only when the callout allows it. */
export class MediaServer {
  readonly #home: string;
  readonly #port: number;
  #nginx: Program | undefined;

  private constructor(home: string, port: number) {
    this.#home = home;
    this.#port = port;
  }

  static async start({ directory, calloutUrl }: Setup): Promise<MediaServer> {
    const home = join(directory, "media");
    for (const name of ["", "streams", "temporary"]) {
      mkdirSync(join(home, name));
      chmodSync(join(home, name), name === "temporary" ? 0o777 : 0o755);
    }
    const server = new MediaServer(home, await freePort());
    writeFileSync(join(home, "nginx.conf"), configuration(server.#port, calloutUrl));
    await server.restart();
    return server;
  }

  /** Begins to answer again after a crash, at the same address and with the same streams. */
  async restart(): Promise<void> {
    const home = this.#home;
    this.#nginx = new Program("nginx", NGINX, ["-p", home, "-c", join(home, "nginx.conf")], { directory: home });
    await eventually("nginx", async () => (await fetch(`${this.url}/health`)).ok);
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get errors(): string {
    return this.#nginx?.output() ?? "";
  }

  /** Puts a stream of some seconds on the air under this name. */
  addStream(name: string, seconds = 6): void {
    const directory = this.#directoryOf(name);
    const picture = ["-f", "lavfi", "-i", `testsrc=size=160x120:rate=${FRAMES_PER_SECOND}:duration=${seconds}`];
    const hls = ["-f", "hls", "-hls_time", "2", "-hls_playlist_type", "vod", join(directory, "index.m3u8")];
    const codec = ["-c:v", "libx264", "-preset", "ultrafast", "-g", String(FRAMES_PER_SECOND), "-pix_fmt", "yuv420p"];
    run("ffmpeg", ["-loglevel", "error", ...picture, ...codec, ...hls]);
  }

  /** Puts a film into the archive of a stream, as the export of these seconds, and returns its bytes. */
  addArchive(name: string, from: number, seconds: number): Buffer {
    const directory = this.#directoryOf(name);
    const file = join(directory, `archive-${from}-${seconds}.mp4`);
    // Noise is what no codec makes small: some thirty megabytes in a moment.
    const picture = ["-f", "lavfi", "-i", `testsrc2=size=640x480:rate=25:duration=4,noise=alls=80:allf=t`];
    run("ffmpeg", ["-loglevel", "error", ...picture, "-c:v", "mpeg4", "-qscale:v", "1", file]);
    chmodSync(file, 0o644);
    const status = [{ stream: name, ranges: [{ from, duration: seconds }] }];
    writeFileSync(join(directory, "recording_status.json"), JSON.stringify(status), { mode: 0o644 });
    return readFileSync(file);
  }

  /** Status and Range of each download from an archive, in the order in which they ended. */
  get downloads(): string[] {
    const log = join(this.#home, "archive.log");
    return existsSync(log) ? readFileSync(log, "utf8").split("\n").filter(Boolean) : [];
  }

  #directoryOf(name: string): string {
    const directory = join(this.#home, "streams", name);
    if (!existsSync(directory)) mkdirSync(directory, { mode: 0o755 });
    return directory;
  }

  async crash(): Promise<void> {
    await this.#nginx?.crash();
  }
}

/** The status that a player gets for the stream's playlist. `url` is what cctv/all gave. */
export async function statusOf(url: string, token?: string): Promise<number> {
  const response = await fetch(playlist(url, token));
  await response.body?.cancel();
  return response.status;
}

/** Plays the whole stream with ffmpeg's own HLS player and returns the number of pictures that it decoded. */
export function countFrames(url: string, token: string): number {
  const count = ["-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames"];
  const found = run("ffprobe", ["-v", "error", ...count, "-of", "csv=p=0", playlist(url, token)]);
  return Number.parseInt(found, 10);
}

const playlist = (url: string, token?: string): string => `${url}/index.m3u8${token ? `?token=${token}` : ""}`;

function run(command: string, args: string[]): string {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8", timeout: 30_000 });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
  return stdout;
}

/**
 * The callout is an auth_request. Inside it $args is empty and $uri its own, so that everything comes from
 * $request_uri. One answer is kept for each stream, address and token, as a Flussonic session keeps it; when the
 * callout cannot answer, a viewer who was allowed stays and a new one is refused. Segments lose the playlist's
 * query, therefore the token is written behind each of them. A download from the archive is asked about as such, and slow enough
 * to be broken off.
 */
const configuration = (port: number, calloutUrl: string): string => `
daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr warn;
events { worker_connections 64; }
http {
  types { application/vnd.apple.mpegurl m3u8; video/mp2t ts; }
  access_log off;
  log_format archive '$status $http_range';
  client_body_temp_path temporary/body;
  proxy_temp_path temporary/proxy;
  fastcgi_temp_path temporary/fastcgi;
  uwsgi_temp_path temporary/uwsgi;
  scgi_temp_path temporary/scgi;
  proxy_cache_path temporary/answers keys_zone=answers:1m use_temp_path=off;
  map $request_uri $stream { default ""; ~^/(?<found>[^/]+)/ $found; }
  map $request_uri $token { default ""; ~[?&]token=(?<found>[^&]*) $found; }
  server {
    listen 127.0.0.1:${port};
    location = /health { return 200; }
    location = /callout {
      internal;
      proxy_pass ${calloutUrl}?name=$stream&token=$token&ip=$remote_addr&proto=hls&session_id=$request_id&request_type=new_session&request_number=0&stream_clients=0&total_clients=0;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_read_timeout 3s;
      proxy_cache answers;
      proxy_cache_key $stream|$remote_addr|$token;
      proxy_cache_valid 200 ${AUTH_SECONDS}s;
      proxy_cache_valid 403 1s;
      proxy_cache_lock on;
      proxy_cache_use_stale error timeout http_500;
      proxy_ignore_headers Cache-Control Expires Set-Cookie Vary;
    }
    location /archive-callout {
      internal;
      proxy_pass ${calloutUrl}?name=$stream&token=$token&ip=$remote_addr&proto=mp4&dvr=true&session_id=$request_id&request_type=new_session&request_number=0&stream_clients=0&total_clients=0;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_read_timeout 3s;
    }
    location ~ ^/[^/]+/archive-[0-9]+-[0-9]+[.]mp4$ {
      auth_request /archive-callout;
      access_log archive.log archive;
      limit_rate 8m;
      root streams;
    }
    location / {
      auth_request /callout;
      add_header Cache-Control no-store;
      sub_filter_types application/vnd.apple.mpegurl;
      sub_filter_once off;
      sub_filter '.ts' '.ts?token=$arg_token';
      root streams;
    }
  }
}
`;
