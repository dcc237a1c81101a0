import { Hono } from "hono";
import * as z from "zod";
import { AppError, told } from "#platform/errors.ts";
import { type AppEnv, body, limitBody } from "#platform/http.ts";
import { publishingPoint } from "#premises/media/publishing.ts";
import { describe } from "./wire.ts";

/** POST /api/cams/caminit: an SRT camera that has been switched on asks where it is to send its stream. */
export const cams = new Hono<AppEnv>();

const MESSAGES: Record<number, [string, string]> = {
  403: ["Forbidden", "Операция запрещена"],
  413: ["Payload Too Large", "Слишком большой запрос"],
  422: ["Unprocessable Entity", "Необрабатываемый экземпляр"],
};

cams.onError((error, c) => {
  const status = Math.min(told(error).status, 503) as 403;
  const [name, message] = MESSAGES[status] ?? ["Service Unavailable", "Сервис временно недоступен"];
  return c.json({ code: status, name, message }, status >= 500 ? 503 : status);
});

const Camera = z.object({
  macaddress: z
    .string()
    .max(64)
    .transform((text) => text.toLowerCase().replace(/[^0-9a-f]/g, "")),
});
// The fields stand beside the code: what the cameras' firmware reads.
const Point = z.object({ code: z.literal(200), server: z.string(), port: z.number(), name: z.string() });

cams.post("/caminit", describe("Tell a camera where to send its stream", Point), limitBody, body(Camera), async (c) => {
  const digits = c.req.valid("json").macaddress;
  const mac = digits.replace(/(..)(?=.)/g, "$1:");
  const point = digits.length === 12 ? await publishingPoint(c.env, mac) : undefined;
  if (!point) throw new AppError("forbidden", "This camera is not known");
  return c.json({ code: 200, ...point });
});
