import { type Env, settings } from "#env.ts";
import { database } from "#platform/db.ts";
import { cameraByMac } from "../registry-queries.ts";

/** Where a camera sends its stream, and under which name. */
export interface PublishingPoint {
  /** The media server's host. */
  server: string;
  port: number;
  name: string;
}

/**
 * Where the SRT camera with this MAC (aa:bb:cc:dd:ee:ff) is to send its stream; undefined for one that the operator has not
 * entered, or has switched off. A MAC is no secret, so nobody may publish for knowing it: the media server's on_publish asks for
 * a token, which the operator gives to the camera.
 */
export async function publishingPoint(env: Env, mac: string): Promise<PublishingPoint | undefined> {
  const camera = await cameraByMac(database(env), settings(env).OPERATOR, mac);
  const server = URL.parse(camera?.url ?? "")?.hostname;
  return camera?.port && server ? { server, port: camera.port, name: camera.uuid } : undefined;
}
