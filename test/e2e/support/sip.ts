import { createHash, randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";

interface Account {
  user: string;
  password: string;
}

/** Signs in at a SIP server over UDP as a panel or a phone does, with digest, and tells the status of the last answer. */
export async function register(server: number, { user, password }: Account): Promise<number> {
  const socket = createSocket("udp4");
  await new Promise<void>((bound) => socket.bind(0, "127.0.0.1", bound));
  try {
    const from = { user, socket, server, callId: randomBytes(8).toString("hex") };
    const first = await ask(from, 1);
    if (first.status !== 401) return first.status;
    return (await ask(from, 2, authorization(first.text, { user, password }, `sip:127.0.0.1:${server}`))).status;
  } finally {
    socket.close();
  }
}

interface From {
  user: string;
  socket: Socket;
  server: number;
  callId: string;
}

async function ask({ user, socket, server, callId }: From, number: number, credentials?: string) {
  const own = `127.0.0.1:${socket.address().port}`;
  const lines = [
    `REGISTER sip:127.0.0.1:${server} SIP/2.0`,
    `Via: SIP/2.0/UDP ${own};branch=z9hG4bK${randomBytes(6).toString("hex")};rport`,
    "Max-Forwards: 70",
    `From: <sip:${user}@127.0.0.1>;tag=${callId}`,
    `To: <sip:${user}@127.0.0.1>`,
    `Call-ID: ${callId}`,
    `CSeq: ${number} REGISTER`,
    `Contact: <sip:${user}@${own}>`,
    "Expires: 600",
    ...(credentials ? [`Authorization: ${credentials}`] : []),
    "Content-Length: 0",
  ];
  const answer = answerTo(socket, number);
  socket.send(`${lines.join("\r\n")}\r\n\r\n`, server, "127.0.0.1");
  return answer;
}

function answerTo(socket: Socket, number: number): Promise<{ status: number; text: string }> {
  return new Promise((answered, failed) => {
    const timer = setTimeout(() => failed(new Error("no answer from the SIP server")), 10_000);
    socket.on("message", function hear(message) {
      const text = message.toString();
      const status = Number(/^SIP\/2\.0 (\d{3})/.exec(text)?.[1] ?? 0);
      if (status < 200 || !new RegExp(`^CSeq: *${number} `, "im").test(text)) return;
      clearTimeout(timer);
      socket.off("message", hear);
      answered({ status, text });
    });
  });
}

function authorization(challenge: string, { user, password }: Account, uri: string): string {
  const field = (name: string) => new RegExp(`[ ,]${name}="?([^",\r\n]+)`, "i").exec(challenge)?.[1] ?? "";
  const md5 = (...parts: string[]) => createHash("md5").update(parts.join(":")).digest("hex");
  const [realm, nonce, opaque, cnonce] = [field("realm"), field("nonce"), field("opaque"), "c0ffee"];
  const response = md5(md5(user, realm, password), nonce, "00000001", cnonce, "auth", md5("REGISTER", uri));
  const named = { username: user, realm, nonce, uri, response, cnonce, opaque };
  const quoted = Object.entries(named).map(([name, value]) => `${name}="${value}"`);
  return `Digest ${[...quoted, "algorithm=md5", "qop=auth", "nc=00000001"].join(", ")}`;
}
