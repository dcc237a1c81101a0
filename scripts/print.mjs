/** What a developer who has just started the server wants to know. The curl lines work as they stand. */
export async function printHelp(url, settings, demo) {
  const lines = [`Yardgate answers at ${url}`, ""];
  if (!demo) lines.push("Remote mode: no demo was loaded.");
  else if (demo.skipped) lines.push(`No demo was loaded (${demo.skipped}).`);
  else lines.push(...(await demoLines(url, settings, demo)));
  console.log(`\n${lines.join("\n")}\n\nSettings: .dev.vars and docs/settings.md. End with ^C.\n`);
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

// The reviewer's login that the app stores ask for: a code that does not change and is never sent.
async function signIn(url, { TEST_USER: userPhone, TEST_PASS: smsCode }) {
  if (!userPhone || !smsCode) return undefined;
  await post(`${url}/api/user/requestCode`, { userPhone });
  const answer = await post(`${url}/api/user/confirmCode`, { userPhone, smsCode });
  return answer?.data?.accessToken;
}

async function post(url, body) {
  const headers = { "content-type": "application/json" };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return answer.status === 200 ? answer.json() : undefined;
}

function curl(url, { body, token }) {
  const parts = ["curl -sS -X POST", url];
  if (token) parts.push(`-H 'Authorization: Bearer ${token}'`);
  if (body) parts.push(`-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`);
  return parts.join(" ");
}
