/** What a developer who has just started the server wants to know. The curl lines work as they stand. */
export async function helpText(url, settings, demo) {
  const about = demo.skipped ? [`No demo was loaded (${demo.skipped}).`] : await demoLines(url, settings, demo);
  const end = `Settings: .dev.vars and docs/settings.md. The API: ${url}/openapi.json. End with ^C.`;
  return [
    "",
    `Yardgate answers at ${url}`,
    "",
    ...about,
    ...(await kannelLines(url, settings)),
    ...(await bootstrapLines(url, settings)),
    "",
    end,
    "",
  ].join("\n");
}

async function demoLines(url, settings, { resident }) {
  const bearer = await signIn(url, settings);
  const token = bearer ?? "<accessToken of api/user/confirmCode>";
  return [
    `A demo resident is ${resident}; ${whereTheCodeIs(settings)}`,
    ...(bearer ? [`${settings.TEST_USER} signs in with the fixed code ${settings.TEST_PASS} and gets no SMS.`] : []),
    "",
    "Ask for a code, list the homes, list the cameras:",
    `  ${curl(`${url}/api/user/requestCode`, { body: { userPhone: resident } })}`,
    `  ${curl(`${url}/api/address/getAddressList`, { token })}`,
    `  ${curl(`${url}/api/cctv/all`, { token })}`,
  ];
}

const whereTheCodeIs = ({ SMS_TRANSPORT }) =>
  SMS_TRANSPORT === "log"
    ? 'its code appears here as a line {"sms":{...}}.'
    : "its code leaves as an SMS through Kannel (KANNEL_URL).";

// Only here can one learn it: the URL holds a signature.
async function kannelLines(url, { SMS_TRANSPORT, PUBLIC_URL = url, KANNEL_HOOK_SECRET }) {
  if (SMS_TRANSPORT !== "kannel") return [];
  const { kannelHookUrl } = await import("../src/messaging/kannel-hooks.ts");
  return [
    "",
    "smsbox brings inbound SMS by this get-url:",
    `  ${kannelHookUrl({ PUBLIC_URL, KANNEL_HOOK_SECRET }, "mo")}`,
  ];
}

// Shown as long as there is nobody to sign in to Operations.
async function bootstrapLines(url, { BOOTSTRAP_TOKEN: bootstrap_secret }) {
  if (!bootstrap_secret) return [];
  const probe = await request(`${url}/ops/v1/bootstrap`, { bootstrap_secret: "", login: "", password: "" });
  if (probe.status === 404) return [];
  const body = { bootstrap_secret, login: "admin", password: "<a long password>" };
  return [
    "",
    "The first administrator is made once, with BOOTSTRAP_TOKEN:",
    `  ${curl(`${url}/ops/v1/bootstrap`, { body })}`,
  ];
}

// The reviewer's login that the app stores ask for: a code that does not change and is never sent.
async function signIn(url, { TEST_USER: userPhone, TEST_PASS: smsCode }) {
  if (!userPhone || !smsCode) return undefined;
  await post(`${url}/api/user/requestCode`, { userPhone });
  const answer = await post(`${url}/api/user/confirmCode`, { userPhone, smsCode });
  return answer?.data?.accessToken;
}

async function post(url, body) {
  const answer = await request(url, body);
  return answer.status === 200 ? answer.json() : undefined;
}

const request = (url, body) =>
  fetch(url, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

function curl(url, { body, token }) {
  const parts = ["curl -sS -X POST", url];
  if (token) parts.push(`-H 'Authorization: Bearer ${token}'`);
  if (body) parts.push(`-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`);
  return parts.join(" ");
}
