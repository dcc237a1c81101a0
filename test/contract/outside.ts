// The world outside as the contract's calls meet it: a media server, panels, a bank, a face server, a smart-home bridge, pushes.

export const MEDIA = "https://vd.example.net";

const VIDEO = "https://video.example.net";

const JPEG = Uint8Array.from([
  0xff,
  0xd8,
  0xff,
  0xe0,
  0,
  16,
  0x4a,
  0x46,
  0x49,
  0x46,
  ...new Array(32).fill(0),
  0xff,
  0xd9,
]);

/** Settings with everything switched on that needs somebody outside. */
export const outsideVars = () => ({
  ...{ MEDIA_HOSTS: "*", PANEL_HOSTS: "*,192.0.2.10", FRS_URL: "https://frs.example.net", FRS_TOKEN: "frs" },
  ...{ SMART_HOME_URL: "https://hub.example.net", SMART_HOME_TOKEN: "hub", HELPDESKPHONE: "+74742000001" },
  ...{ SIP_HELP_EXTENSION: "123", SIP_HELP_PASS: "123456", Z5R_USER: "z5r", Z5R_PASS: "z5r-password" },
  ...{
    SBER_USER: "shop-api",
    SBER_PASS: "bank-pass",
    SBER_PUBLIC_KEY: PUBLIC_KEY,
    SBER_URL: "https://bank.example.net",
  },
  ...{ OFFICES: JSON.stringify([{ lat: 54.19, lon: 37.61, address: "ул. Мира, 1", opening: "10:00-19:00" }]) },
  YOUTUBE: JSON.stringify([
    {
      ...{ id: 1, eventTime: "2026-08-02 09:00:00", title: "Двор", description: "Субботник" },
      ...{ thumbnailsDefault: `${VIDEO}/1.jpg`, thumbnailsMedium: `${VIDEO}/2.jpg`, thumbnailsHigh: `${VIDEO}/3.jpg` },
      url: `${VIDEO}/watch`,
    },
  ]),
  EXTENSIONS: JSON.stringify([
    {
      caption: "Погода",
      icon: "data:image/png;base64,iVBORw0KGgo=",
      extId: "weather",
      order: 150,
      code: "<html><body>+5</body></html>",
    },
  ]),
});

/** Any RSA key: nothing here is signed with it. */
const PUBLIC_KEY =
  "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0/IzW7yWR7QkrmBL7jTKEn5u" +
  "+qKhbwKfBstIs+bMY2Zkp18gnTxKLxoS2tFczGkPLPgizskuemMghRniWaoLcyehkd3qqGElvW/VDL5AaWTg0nLVkjRo9z+40RQzuVaE8AkAFmxZzow3x+VJYKdjykkJ" +
  "0iT9wCS0DRTXu269V264Vf/3jvredZiKRkgwlL9xNAwxXFg0x/XFw005UWVRIkdgcKWTjpBP2dPwVZ4WWC+9aGVd+Gyn1o0CLelf4rEjGoXbAAEgAqeGUxrcIlbjXfbc" +
  "mwIDAQAB";

export async function answerOutside(request: Request): Promise<Response> {
  const { hostname, pathname } = new URL(request.url);
  if (/\.jpg$|shot/.test(pathname)) return new Response(JPEG, { headers: { "content-type": "image/jpeg" } });
  if (pathname.endsWith("recording_status.json"))
    return Response.json([{ stream: "s", ranges: [{ from: Math.floor(Date.now() / 1000) - 7200, duration: 3600 }] }]);
  if (pathname.endsWith(".mp4")) return new Response("mp4!", { headers: { "content-length": "4" } });
  if (hostname === "bank.example.net") return bank(pathname, new URLSearchParams(await request.text()));
  if (hostname === "hub.example.net") return Response.json({ result: true, message: "ok" });
  if (hostname === "frs.example.net") return faceServer(pathname);
  return new Response("", { status: 200 });
}

let face = 1000;

function faceServer(path: string): Response {
  const picture = { screenshot: `${MEDIA}/shot.jpg`, left: 10, top: 20, width: 30, height: 40 };
  const faceImage = `data:image/jpeg;base64,${btoa(String.fromCharCode(...JPEG))}`;
  if (path.endsWith("/bestQuality")) return Response.json({ code: "200", message: "Ok", data: picture });
  if (path.endsWith("/registerFace"))
    return Response.json({ code: "200", message: "Ok", data: { faceId: ++face, faceImage } });
  return new Response(null, { status: 204 });
}

/** The bank's number of an order that an app has paid at the bank itself: it ends in ours. */
export const bankOrder = (order: string) => `b0c4f5d2-0000-4000-8000-${order.padStart(12, "0")}`;

function bank(path: string, form: URLSearchParams): Response {
  if (path.endsWith("register.do"))
    return Response.json({ orderId: crypto.randomUUID(), formUrl: "https://bank.example.net/pay/abc" });
  const orderNumber = String(Number((form.get("orderId") ?? "").slice(-12)));
  return Response.json({ errorCode: "0", orderNumber, orderStatus: 0, amount: 65000, currency: "643" });
}
