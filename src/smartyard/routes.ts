import { type Context, Hono, type MiddlewareHandler } from "hono";
import { settings } from "#env.ts";
import { AppError } from "#platform/errors.ts";
import { limitBody, limitPhotoBody } from "#platform/http.ts";
import { address } from "./address.ts";
import { billing } from "./billing.ts";
import { call } from "./call.ts";
import { cctv } from "./cctv.ts";
import { chat, chatHome } from "./chat.ts";
import { allowOrigins, ok, onError, type ResidentEnv } from "./envelope.ts";
import { ext } from "./ext.ts";
import { frs } from "./frs.ts";
import { geo } from "./geo.ts";
import { hcs } from "./hcs.ts";
import { images } from "./images.ts";
import { inbox } from "./inbox.ts";
import { issues } from "./issues.ts";
import { pay } from "./pay.ts";
import { cameraLog, homeLog } from "./plog.ts";
import { sh } from "./sh.ts";
import { sip } from "./sip.ts";
import { user } from "./user.ts";

/** The resident's app, method by method. The paths are the published apps' own. */
export const smartyard = new Hono<ResidentEnv>();

smartyard.onError(onError);

/** Methods that take a photo. */
const PHOTO_METHODS = /\/(?:user\/sendPassport|hcs\/newAppeal)$/;
const limit: MiddlewareHandler = (c, next) => (PHOTO_METHODS.test(c.req.path) ? limitPhotoBody : limitBody)(c, next);

for (const [path, group] of Object.entries({
  user,
  address,
  cctv,
  ext,
  inbox,
  chat,
  sip,
  sh,
  issues,
  hcs,
  geo,
  frs,
  pay,
})) {
  // Per group, and not for everything below /api: the media servers' callout is there too and has no use for either.
  smartyard.use(`/${path}/*`, allowOrigins, limit);
  smartyard.route(`/${path}`, group);
}
smartyard.route("/user", billing);

smartyard.get("/chat/", chatHome);

// Builds of the apps for several operators ask such a list whom they may sign in with. The base has no slash at its end: iOS adds one.
smartyard.get("/providers.json", allowOrigins, (c) => {
  const { OPERATOR, COMPANY, PUBLIC_URL } = settings(c.env);
  return ok(c, [{ id: OPERATOR, name: COMPANY.name || OPERATOR, baseUrl: `${PUBLIC_URL}/api`, order: 1 }]);
});

smartyard.route("/address", homeLog);
smartyard.route("/cctv", cameraLog);
for (const [path, group] of Object.entries({ images, call })) {
  smartyard.use(`/${path}/*`, allowOrigins);
  smartyard.route(`/${path}`, group);
}

// Where the cameras of unpaid and unconnected services seem to play: the apps append file names.
for (const status of [402, 404] as const) {
  const refuse = (c: Context) => c.body(null, status);
  smartyard.all(`/${status}`, refuse);
  smartyard.all(`/${status}/*`, refuse);
}

/** The answer to a path that no method has: an envelope too, and readable from other origins. */
export function unknownMethod(c: Context): Response | Promise<Response> {
  c.header("Access-Control-Allow-Origin", "*");
  return onError(new AppError("not_found", "There is no such method"), c);
}
