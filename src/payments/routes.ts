import { type Context, type ErrorHandler, Hono } from "hono";
import { told } from "#platform/errors.ts";
import { type AppEnv, limitBody } from "#platform/http.ts";
import { hearSberbank, hearYookassa } from "./notifications.ts";

/** /api/spaysuccess and /api/upaysuccess: the banks' own calls, whose answers are texts (docs/contracts.md, "Banks"). */
export const payments = new Hono<AppEnv>();

/** A bank repeats what was answered with an error, so only what may yet succeed is one. */
const onError: ErrorHandler<AppEnv> = (error, c) => {
  const { status } = told(error);
  return c.text(status < 500 ? "Ошибка запроса" : "Сервис временно недоступен", status < 500 ? 403 : 503);
};

const sberbank = async (c: Context<AppEnv>) => {
  const isPaid = await hearSberbank(c.env, new URL(c.req.url).searchParams);
  return isPaid ? c.body(null, 200) : c.text("Операция запрещена", 403);
};

const banks = new Hono<AppEnv>();
banks.onError(onError);
for (const path of ["/spaysuccess", "/paysuccess"]) banks.get(path, sberbank);

banks.post("/upaysuccess", limitBody, async (c) => {
  await hearYookassa(c.env, await c.req.json<unknown>().catch(() => undefined));
  return c.text("OK");
});

payments.route("/api", banks);
