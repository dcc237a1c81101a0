import { Hono } from "hono";
import * as z from "zod";
import { body, clientAddress } from "#platform/http.ts";
import { redeemFlatCode, type Scan } from "#premises/guests/flat-codes.ts";
import { describe, ok, type ResidentEnv, signedIn } from "./envelope.ts";
import { type Language, languageOf } from "./texts.ts";

/** POST /api/address/registerQR: a flat's code, scanned (docs/contracts.md, "Becoming an owner"). */
export const registerQr = new Hono<ResidentEnv>();

const TEXTS: Record<Scan, Record<Language, string>> = {
  joined: {
    ru: "Ваш запрос принят и будет обработан в течение одной минуты, пожалуйста подождите",
    en: "Your request is accepted, your home will be here within a minute",
  },
  already: {
    ru: "Этот пользователь уже зарегистрирован в системе",
    en: "You are already registered here",
  },
  garbled: { ru: "Некорректный QR-код!", en: "This is not one of our QR codes" },
  unknown: {
    ru: "QR-код не является кодом для доступа к квартире",
    en: "This QR code does not lead to a flat",
  },
  used: {
    ru: "QR-код уже использован или больше не действует",
    en: "This QR code has been used, or is not valid any more",
  },
  operator: {
    ru: "Чтобы подключить квартиру, обратитесь к оператору",
    en: "Please ask the operator to connect your flat",
  },
  slower: {
    ru: "Слишком много попыток, попробуйте позже",
    en: "Too many tries, please wait",
  },
};

// Always 200 with a text: one app takes nothing else for success, and both show it.
registerQr.post(
  "/registerQR",
  describe("Become an owner by a flat's code", z.string()),
  signedIn("strict"),
  body(z.object({ QR: z.string().min(1).max(2048) })),
  async (c) => {
    const scan = await redeemFlatCode(c.env, c.var.resident, c.req.valid("json").QR, clientAddress(c));
    return ok(c, TEXTS[scan][languageOf(c)]);
  },
);
