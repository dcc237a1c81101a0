import { Buffer } from "node:buffer";
import { canonical } from "#payments/banks/checksum.ts";

// A bank to test against: Sberbank's gateway and YooKassa in one, with a key of its own. It answers Requests, so that it can stand
// behind a faked fetch as well as behind a port.

interface SberOrder {
  orderId: string;
  orderNumber: string;
  amount: number;
  /** 0 registered, 2 deposited, 6 declined. */
  orderStatus: number;
  deposited: number;
  currency: string;
}

interface YookassaPayment {
  id: string;
  status: string;
  paid: boolean;
  amount: { value: string; currency: string };
  metadata: Record<string, string>;
  confirmation: { type: string; confirmation_url: string };
}

/** What the operator got from its banks. */
export const SBER = { SBER_USER: "shop-api", SBER_PASS: "sber-pass", SBER_URL: "https://sber.test" };
export const YOOKASSA = {
  YOOKASSA_SHOP: "100500",
  YOOKASSA_KEY: "yookassa-key",
  YOOKASSA_URL: "https://yookassa.test",
};

export class FakeBank {
  readonly orders = new Map<string, SberOrder>();
  readonly payments = new Map<string, YookassaPayment>();
  /** Each request as it came, its body read. */
  readonly asked: { method: string; path: string; headers: Headers; body: string }[] = [];
  readonly #byKey = new Map<string, YookassaPayment>();
  #keys: CryptoKeyPair | undefined;
  /** Answers 503 to everything. */
  isDown = false;

  /** The key that its callbacks are checked with: SPKI in base64. */
  async publicKey(): Promise<string> {
    const spki = (await crypto.subtle.exportKey("spki", (await this.#pair()).publicKey)) as ArrayBuffer;
    return Buffer.from(spki).toString("base64");
  }

  /** Answers a request, whatever host it was for. */
  answer = async (request: Request): Promise<Response> => {
    const { pathname } = new URL(request.url);
    const body = new TextDecoder().decode(await request.arrayBuffer()); // a form is no text to workerd
    this.asked.push({ method: request.method, path: pathname, headers: request.headers, body });
    if (this.isDown) return new Response("Service Unavailable", { status: 503 });
    if (pathname.startsWith("/v3/payments")) return this.#yookassa(request, pathname, body);
    if (pathname.endsWith("/payment.do")) return this.#wallet(body);
    return this.#sberbank(pathname, new URLSearchParams(body));
  };

  /** The payer pays at Sberbank's page; returns the query of the callback. */
  async payOrder(orderNumber: string, change: Partial<SberOrder> = {}): Promise<URLSearchParams> {
    const order = this.orders.get(orderNumber)!;
    Object.assign(order, { orderStatus: 2, deposited: order.amount }, change);
    const { orderId: mdOrder } = order;
    return this.sign({ mdOrder, orderNumber, operation: "deposited", status: "1", sign_alias: "test" });
  }

  /** The payer pays at YooKassa's page; returns the notification. */
  payPayment(id: string, change: Partial<YookassaPayment> = {}): object {
    const payment = Object.assign(this.payments.get(id)!, { status: "succeeded", paid: true }, change);
    return { type: "notification", event: "payment.succeeded", object: payment };
  }

  /** Adds the checksum that the bank would. */
  async sign(parameters: Record<string, string>): Promise<URLSearchParams> {
    const { privateKey } = await this.#pair();
    const text = Buffer.from(canonical(Object.entries(parameters)));
    const signature = await crypto.subtle.sign("RSASSA-PKCS1-v1_5", privateKey, text);
    return new URLSearchParams({ ...parameters, checksum: Buffer.from(signature).toString("hex").toUpperCase() });
  }

  async #pair(): Promise<CryptoKeyPair> {
    const algorithm = { name: "RSASSA-PKCS1-v1_5", modulusLength: 2048, hash: "SHA-512" };
    const exponent = new Uint8Array([1, 0, 1]);
    this.#keys ??= (await crypto.subtle.generateKey({ ...algorithm, publicExponent: exponent }, true, [
      "sign",
      "verify",
    ])) as CryptoKeyPair;
    return this.#keys;
  }

  #sberbank(path: string, form: URLSearchParams): Response {
    if (form.get("userName") !== SBER.SBER_USER || form.get("password") !== SBER.SBER_PASS)
      return Response.json({ errorCode: "5", errorMessage: "Доступ запрещён" });
    if (path.endsWith("/register.do")) return this.#register(form);
    const order = [...this.orders.values()].find(
      ({ orderId, orderNumber }) => orderId === form.get("orderId") || orderNumber === form.get("orderNumber"),
    );
    if (!order) return Response.json({ errorCode: "6", errorMessage: "Заказ не найден" });
    const { deposited: depositedAmount, orderId, ...told } = order;
    const attributes = [{ name: "mdOrder", value: orderId }];
    return Response.json({ errorCode: "0", ...told, attributes, paymentAmountInfo: { depositedAmount } });
  }

  #register(form: URLSearchParams): Response {
    const [orderNumber, amount] = [form.get("orderNumber")!, Number(form.get("amount"))];
    if (this.orders.has(orderNumber)) return Response.json({ errorCode: "1", errorMessage: "Заказ уже обработан" });
    const orderId = crypto.randomUUID();
    this.orders.set(orderNumber, { orderId, orderNumber, amount, orderStatus: 0, deposited: 0, currency: "643" });
    return Response.json({ orderId, formUrl: `https://sber.test/payment/page?mdOrder=${orderId}` });
  }

  #wallet(body: string): Response {
    const { merchant, orderNumber, paymentToken, amount = 0 } = JSON.parse(body);
    const isGood = merchant === "shop" && Buffer.from(paymentToken, "base64").toString().startsWith("{");
    if (!isGood || this.orders.has(orderNumber))
      return Response.json({ success: false, error: { code: "10", message: "Отказ" } });
    const orderId = crypto.randomUUID();
    const paid = { orderStatus: 2, deposited: amount, currency: "643" };
    this.orders.set(orderNumber, { orderId, orderNumber, amount, ...paid });
    return Response.json({ success: true, data: { orderId } });
  }

  #yookassa(request: Request, path: string, body: string): Response {
    const { YOOKASSA_SHOP, YOOKASSA_KEY } = YOOKASSA;
    const basic = `Basic ${Buffer.from(`${YOOKASSA_SHOP}:${YOOKASSA_KEY}`).toString("base64")}`;
    const failure = (code: string, status: number) => Response.json({ type: "error", code }, { status });
    if (request.headers.get("authorization") !== basic) return failure("invalid_credentials", 401);
    if (request.method === "GET") {
      const payment = this.payments.get(path.split("/").at(-1)!);
      return payment ? Response.json(payment) : failure("not_found", 404);
    }
    const key = request.headers.get("idempotence-key");
    if (!key) return failure("invalid_request", 400);
    const payment = this.#byKey.get(key) ?? this.#newPayment(JSON.parse(body));
    this.#byKey.set(key, payment);
    return Response.json(payment);
  }

  #newPayment({ amount, metadata }: Pick<YookassaPayment, "amount" | "metadata">): YookassaPayment {
    const id = crypto.randomUUID();
    const confirmation = { type: "redirect", confirmation_url: `https://yookassa.test/checkout?order=${id}` };
    const payment = { id, status: "pending", paid: false, amount, metadata, confirmation };
    this.payments.set(id, payment);
    return payment;
  }
}
