// The chat page's own script, as the browser gets it. It knows the apps' web view bridge: Android puts an object there, iOS a
// function. Texts only ever become text nodes.
export const CHAT_SCRIPT = String.raw`
(() => {
  const at = (id) => document.getElementById(id);
  const words = JSON.parse(document.body.dataset.words);
  const [lines, field, button, state] = [at("lines"), at("text"), at("send"), at("state")];
  const SECONDS = 4;
  let token = "", last, day = "", failures = 0, timer, turn = Promise.resolve();

  async function bridged() {
    if (window.Android && window.Android.bearerToken) return window.Android.bearerToken();
    return typeof bearerToken === "function" ? await bearerToken() : "";
  }

  async function findToken() {
    for (let tries = 0; tries < 10; tries++) {
      try { token = String((await bridged()) || "").replace(/^Bearer\s+/i, "").trim(); } catch {}
      if (token) return true;
      await new Promise((resume) => setTimeout(resume, 200));
    }
    return false;
  }

  async function ask(method, body) {
    const controller = new AbortController();
    const limit = setTimeout(() => controller.abort(), 15000);
    try {
      const response = await fetch(method, {
        method: "POST",
        headers: { authorization: "Bearer " + token, "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: controller.signal,
      });
      if (!response.ok) throw Object.assign(new Error(), { status: response.status });
      return response.status === 204 ? undefined : (await response.json()).data;
    } finally {
      clearTimeout(limit);
    }
  }

  function element(name, text, className) {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function bubble(line) {
    const item = element("li", "", line.author);
    if (line.author === "operator") item.append(element("b", line.name || words.operator));
    item.append(element("p", line.text));
    if (line.date) item.append(element("small", line.date.slice(11, 16)));
    return item;
  }

  const scroller = lines.parentElement;
  const isAtEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  const toEnd = () => { scroller.scrollTop = scroller.scrollHeight; };

  function show(fresh) {
    const follow = last === undefined || isAtEnd();
    for (const line of fresh) {
      const its = line.date.slice(0, 10);
      lines.querySelector('[data-id="' + line.id + '"]')?.remove();
      const pending = lines.querySelector(".waiting, .failed");
      if (its !== day) lines.insertBefore(element("li", its.split("-").reverse().join("."), "day"), pending);
      day = its;
      lines.insertBefore(bubble(line), pending);
    }
    if (follow) toEnd();
  }

  async function look() {
    const fresh = await ask("messages", last === undefined ? {} : { after: last });
    show(fresh);
    last = fresh.length > 0 ? fresh[fresh.length - 1].id : last || 0;
    if (fresh.some((line) => line.author === "operator")) ask("readed", { messageId: last }).catch(() => {});
    if (fresh.length >= 100 && last !== undefined) return look();
  }

  function poll() {
    clearTimeout(timer);
    turn = turn.then(async () => {
      if (document.hidden) return;
      try {
        await look();
        failures = 0;
        state.textContent = "";
      } catch (error) {
        if (error.status === 401) return stop();
        failures++;
        state.textContent = words.offline;
      }
      clearTimeout(timer);
      timer = setTimeout(poll, Math.min(60, SECONDS * 2 ** failures) * 1000);
    });
    return turn;
  }

  function stop() {
    clearTimeout(timer);
    token = "";
    state.textContent = words.stranger;
    field.disabled = button.disabled = true;
  }

  const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  async function send(text, key, item) {
    item.className = "resident waiting";
    item.title = "";
    item.onclick = null;
    try {
      const { id } = await ask("send", { text, key });
      if (last >= id) item.remove();
      item.dataset.id = id;
      await poll();
    } catch (error) {
      if (error.status === 401) return stop();
      item.className = "resident failed";
      item.title = words.failed;
      state.textContent = words.failed;
      item.onclick = () => send(text, key, item);
    }
  }

  function submit() {
    const text = field.value.trim();
    if (!text || !token) return;
    field.value = "";
    grow();
    const item = bubble({ author: "resident", text });
    lines.append(item);
    toEnd();
    send(text, newKey(), item);
  }

  function grow() {
    field.style.height = "auto";
    field.style.height = field.scrollHeight + 2 + "px";
    button.disabled = !token || field.value.trim() === "";
  }

  at("form").addEventListener("submit", (event) => { event.preventDefault(); submit(); });
  field.addEventListener("input", grow);
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    submit();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && token) poll(); });
  findToken().then((found) => (found ? (grow(), poll()) : stop()));
})();
`;
