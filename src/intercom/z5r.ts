import { Hono, type MiddlewareHandler } from "hono";
import * as z from "zod";
import { settings } from "#env.ts";
import { basicLogin } from "#operator/integration-token.ts";
import { sameText } from "#platform/crypto.ts";
import { AppError } from "#platform/errors.ts";
import { type AppEnv, after, body, limitBody } from "#platform/http.ts";
import { localText } from "#platform/time.ts";
import { Text } from "./fields.ts";
import { describe } from "./wire.ts";
import { answerTo, Message } from "./z5r-messages.ts";

/** POST /z5rweb: IronLogic's Z5R-Web controllers in their web-JSON mode. */
export const z5r = new Hono<AppEnv>();

/** Lets only the operator's controllers pass: HTTP Basic as Z5R_USER says. Without these settings there are none. */
const requireController: MiddlewareHandler<AppEnv> = async (c, next) => {
  const { Z5R_USER, Z5R_PASS } = settings(c.env);
  if (!Z5R_USER || !Z5R_PASS) throw new AppError("not_found", "No controllers are served here");
  const login = basicLogin(c);
  if (!login || !sameText(login.user, Z5R_USER) || !sameText(login.password, Z5R_PASS))
    throw new AppError("unauthenticated", "No controller");
  await next();
};

/** Seconds until the controller reports again. */
const INTERVAL = 10;

const Report = z
  .object({ sn: Text.nullish(), serial: Text.nullish(), messages: z.array(Message).max(200).nullish() })
  .transform(({ sn, serial, messages }) => ({ serial: (sn ?? serial ?? "").trim(), messages: messages ?? [] }));

const Answer = z.object({
  date: z.string(),
  interval: z.int(),
  messages: z.array(z.looseObject({ operation: z.string() })),
});

z5r.post(
  "/z5rweb",
  describe("A controller reports and asks", Answer),
  limitBody,
  requireController,
  body(Report),
  async (c) => {
    const { serial, messages } = c.req.valid("json");
    const answers = await Promise.all(messages.map((message) => answerTo(c.env, serial, message, after(c))));
    return c.json({
      date: localText(new Date(), settings(c.env).TIME_ZONE),
      interval: INTERVAL,
      messages: answers.filter((answer) => answer !== undefined),
    });
  },
);
