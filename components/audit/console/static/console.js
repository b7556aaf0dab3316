// The console in the browser: keys, the timeline, passkeys. Everything also works as plain links and forms.
const one = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// Logging in ---------------------------------------------------------------------------------------------------------
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
const linkForm = one("#link-login");
if (linkForm) {
  linkForm.elements.token.value = location.hash.slice(1);
  linkForm.elements.zone.value = zone;
  // The link is good once; it need not stay in the history.
  history.replaceState(null, "", location.pathname);
}

const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

async function post(path, fields, csrf) {
  const headers = csrf ? { "X-CSRF-Token": csrf } : {};
  const answer = await fetch(path, { method: "POST", body: new URLSearchParams(fields), headers });
  if (!answer.ok) throw new Error(String(answer.status));
  return answer.json();
}

function readOptions(options) {
  options.challenge = toBytes(options.challenge);
  if (options.user) options.user.id = toBytes(options.user.id);
  for (const list of [options.allowCredentials, options.excludeCredentials])
    for (const each of list ?? []) each.id = toBytes(each.id);
  return options;
}

function writeCredential(credential) {
  const response = { clientDataJSON: toText(credential.response.clientDataJSON) };
  for (const name of ["attestationObject", "authenticatorData", "signature", "userHandle"])
    if (credential.response[name]) response[name] = toText(credential.response[name]);
  return JSON.stringify({
    id: credential.id, rawId: toText(credential.rawId), type: credential.type, response, clientExtensionResults: {},
  });
}

function onSubmit(form, act) {
  form?.addEventListener("submit", async (event) => {
    event.preventDefault();
    const fault = one("#passkey-fault");
    fault.hidden = true;
    try {
      await act(new FormData(form));
    } catch (error) {
      fault.textContent = fault.dataset.text;
      fault.hidden = false;
    }
  });
}

const passkeyLogin = one("#passkey-login");
if (passkeyLogin && window.PublicKeyCredential) {
  passkeyLogin.hidden = false;
  onSubmit(passkeyLogin, async () => {
    const begun = await post("/login/passkey/begin", {});
    const credential = await navigator.credentials.get({ publicKey: readOptions(begun.options) });
    const done = await post("/login/passkey", { ceremony: begun.ceremony, credential: writeCredential(credential), zone });
    location.assign(done.go_to);
  });
}
const passkeyAdd = one("#passkey-add");
onSubmit(passkeyAdd, async (said) => {
  const csrf = passkeyAdd.dataset.csrf;
  const begun = await post("/passkey/begin", {}, csrf);
  const credential = await navigator.credentials.create({ publicKey: readOptions(begun.options) });
  const fields = { ceremony: begun.ceremony, credential: writeCredential(credential), name: said.get("name") };
  await post("/passkey", fields, csrf);
  location.reload();
});

// The keyboard -------------------------------------------------------------------------------------------------------
const items = () => all("[data-item]");
const current = () => document.activeElement?.closest?.("[data-item]");

function focusOn(element) {
  if (!element) return;
  if (!element.hasAttribute("tabindex")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
  element.scrollIntoView({ block: "nearest" });
}

function move(step) {
  const found = items();
  const at = found.indexOf(current());
  focusOn(found[at < 0 ? (step > 0 ? 0 : found.length - 1) : Math.min(Math.max(at + step, 0), found.length - 1)]);
}

function moveToHit(step) {
  const hits = all("mark, .is-hit").filter((each) => !each.closest(".is-hit mark"));
  if (!hits.length) return;
  const from = document.activeElement ?? document.body;
  const isAfter = (each) => from.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_FOLLOWING;
  const isBefore = (each) => each !== from && from.compareDocumentPosition(each) & Node.DOCUMENT_POSITION_PRECEDING && !each.contains(from);
  if (from === document.body) focusOn(step > 0 ? hits[0] : hits.at(-1));
  else if (step > 0) focusOn(hits.find((each) => isAfter(each)) ?? hits[0]);
  else focusOn(hits.findLast((each) => isBefore(each)) ?? hits.at(-1));
}

function toggleMark() {
  const box = current() && one(".select", current());
  if (!box) return;
  box.checked = !box.checked;
  box.dispatchEvent(new Event("change", { bubbles: true }));
}

function follow(selector) {
  const link = one(selector);
  if (link) link.click();
}

const acts = {
  "/": () => { const field = one("#q"); if (field) { field.focus(); field.select(); } else location.assign("/search"); },
  j: () => move(1),
  k: () => move(-1),
  n: () => moveToHit(1),
  N: () => moveToHit(-1),
  m: toggleMark,
  e: () => { const opener = current() && one("[data-note]", current()); if (opener) opener.click(); else one("#note")?.focus(); },
  u: () => history.back(),
  "]": () => follow("[data-next]"),
  "[": () => follow("[data-previous]"),
  "?": () => one("#help")?.showModal(),
  Enter: (event) => { const link = event.target.matches("[data-item]") && one("a.open", event.target); if (link) link.click(); },
};
const places = { s: "/search", r: "/review", h: "/held", m: "/matters", e: "/exports", d: "/overview" };
let isGoing = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target.matches?.("input:not([type=checkbox]), textarea, select")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (one("dialog[open]")) return;
  if (isGoing) {
    isGoing = false;
    if (places[event.key]) { event.preventDefault(); location.assign(places[event.key]); return; }
  }
  if (event.key === "g") { isGoing = true; setTimeout(() => { isGoing = false; }, 1500); return; }
  const act = Object.hasOwn(acts, event.key) ? acts[event.key] : null;
  if (!act) return;
  if (event.key !== "Enter") event.preventDefault();
  act(event);
});
document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-opens]");
  if (opener) one(`#${opener.dataset.opens}`)?.showModal();
});

// What is marked -----------------------------------------------------------------------------------------------------
function countMarked() {
  const bar = one("#marked");
  if (!bar) return;
  const number = all(".select:checked").length;
  bar.hidden = number === 0;
  one("[data-count]", bar).textContent = number;
  one("#said").textContent = number ? `${number}` : "";
}
document.addEventListener("change", (event) => { if (event.target.matches?.(".select")) countMarked(); });
countMarked();

// The timeline: drag over days, and the search is of these days --------------------------------------------------------
function followDrag(figure) {
  const chart = one("svg.chart", figure);
  const days = all("a[data-from]", chart);
  if (!days.length) return;
  let first = null;
  const dayAt = (x) => days.findLast((each) => each.getBoundingClientRect().left <= x) ?? days[0];
  const picked = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  picked.setAttribute("class", "picked");
  const range = (last) => (days.indexOf(first) <= days.indexOf(last) ? [first, last] : [last, first]);
  const draw = (last) => {
    const [from, to] = range(last).map((each) => one(".area-of", each).getBBox());
    for (const [name, value] of [["x", from.x], ["y", from.y], ["width", to.x + to.width - from.x], ["height", from.height]])
      picked.setAttribute(name, value);
    chart.append(picked);
  };
  chart.addEventListener("pointerdown", (event) => {
    if (event.button === 0) { first = dayAt(event.clientX); chart.setPointerCapture(event.pointerId); event.preventDefault(); }
  });
  chart.addEventListener("pointermove", (event) => { if (first) draw(dayAt(event.clientX)); });
  chart.addEventListener("pointerup", (event) => {
    if (!first) return;
    const [from, to] = range(dayAt(event.clientX));
    first = null;
    const query = `(${figure.dataset.query}) date:${from.dataset.from}..${to.dataset.to}`;
    location.assign(from === to ? from.getAttribute("href") : `/search?q=${encodeURIComponent(query)}`);
  });
  chart.addEventListener("pointercancel", () => { first = null; picked.remove(); });
}
all(".timeline").forEach(followDrag);

// A page that lies open shows nothing after the session is over.
const idle = Number(document.body.dataset.idleS);
if (idle) setTimeout(() => location.assign("/login"), (idle + 5) * 1000);
if (location.hash === "#hit") focusOn(one("#hit"));
