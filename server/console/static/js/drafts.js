// The review page: choose, decide, take back, go on; by mouse or keyboard, while the list keeps itself fresh.
import { fragment, post, Problem, tell } from "./api.js";
import { age } from "./console.js";
import { askReason, begin, differs, forget, formIn, keep, sendDecision, textOf } from "./editor.js";
import { watch } from "./live.js";
import { t } from "./texts.js";
import { toast } from "./toasts.js";

const inbox = document.getElementById("inbox");
const list = document.getElementById("list");
const panel = document.getElementById("panel");
const { tab } = inbox.dataset;
const wide = matchMedia("(min-width: 800px)");
const UNDO_REJECTED = 10;
const title = document.title;
let loading = 0;
let busy = false;
let undoLast = null;

const lines = () => [...list.querySelectorAll("[data-id]")];
const draft = () => panel.querySelector("article[data-draft]");
const current = () => draft()?.dataset.draft ?? null;

function mark(id) {
  for (const line of lines()) {
    if (line.dataset.id === id) line.setAttribute("aria-current", "true");
    else line.removeAttribute("aria-current");
  }
}

async function choose(id, { focus = false } = {}) {
  const mine = ++loading;
  mark(id);
  try {
    const html = await fragment(`/console/drafts/${id}/panel`);
    if (mine !== loading) return;
    panel.innerHTML = html;
  } catch (error) {
    if (mine === loading) tell(error);
    return;
  }
  inbox.classList.add("chosen");
  history.replaceState(null, "", `/console/drafts/${id}?tab=${tab}`);
  list.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
  ready();
  if (focus) panel.focus({ preventScroll: true });
}

function ready() {
  begin(panel);
  const talk = panel.querySelector(".talk");
  const asked = talk?.querySelector(".asked");
  if (asked) talk.scrollTop = asked.offsetTop + asked.offsetHeight - talk.clientHeight + 24;
  panel.scrollTop = 0;
}

function leave() {
  loading += 1;
  inbox.classList.remove("chosen");
  panel.replaceChildren(document.getElementById("none").content.cloneNode(true));
  mark(null);
  history.replaceState(null, "", `/console/drafts?tab=${tab}`);
}

async function refresh() {
  const focused = document.activeElement?.closest?.("#list [data-id]")?.dataset.id;
  const top = list.scrollTop;
  list.innerHTML = await fragment(`/console/drafts/list?tab=${tab}`);
  list.scrollTop = top;
  mark(current());
  age(list);
  count();
  if (focused) list.querySelector(`[data-id="${focused}"]`)?.focus();
}

function count() {
  const total = Number(list.querySelector("[data-total]")?.dataset.total ?? 0);
  document.title = tab === "open" && total ? `(${total}) ${title}` : title;
}

// The draft after this one, else the one before it.
function neighbour(id) {
  const ids = lines().map((line) => line.dataset.id);
  const at = ids.indexOf(id);
  return ids[at + 1] ?? ids[at - 1] ?? null;
}

async function goOn(id, next) {
  list.querySelector(`[data-id="${id}"]`)?.closest("li").remove();
  if (next && next !== id) await choose(next, { focus: true });
  else leave();
  // The next one is there: the list may follow without keeping anybody waiting.
  busy = false;
  await changed();
}

async function decide(decision) {
  const form = formIn(panel);
  const button = form?.querySelector(`[data-decide="${decision}"]`);
  if (!button || button.disabled || busy) return;
  const id = current();
  const body = { decision, version: Number(draft().dataset.version) };
  if (decision === "modify") body.text = textOf(form);
  if (decision === "reject") {
    const reason = await askReason();
    if (reason === null || current() !== id) return;
    if (reason) body.reason = reason;
  }
  busy = true;
  try {
    const next = neighbour(id);
    const done = await sendDecision(form, body);
    if (!done) return;
    forget(id);
    told(id, done, body.text);
    await goOn(id, next);
  } catch (error) {
    if (error instanceof Problem && error.status === 409) await lost(id, error.body);
    else tell(error);
  } finally {
    busy = false;
  }
}

function told(id, done, text) {
  if (done.copy_from) {
    const message = t(done.status) + " · " + t("by_hand");
    toast(message, { seconds: 12, link: { href: `/console/paste?message=${done.copy_from}`, text: t("go_copy") } });
    return;
  }
  const seconds = done.undo_seconds || (done.status === "rejected" ? UNDO_REJECTED : 0);
  const run = () => undo(id, done.version, text);
  undoLast = seconds ? { run, until: Date.now() + seconds * 1000 } : null;
  const action = seconds ? { text: (left) => t("undo", { seconds: left }), label: t("undo_plain"), run } : null;
  const close = toast(t(done.status), { seconds: seconds || 5, action });
  if (undoLast) undoLast.close = close;
}

async function undo(id, version, text) {
  undoLast = null;
  try {
    await post(`/v1/drafts/${id}/undo`, { version });
    if (text !== undefined) keep(id, text);
    toast(t("undone"));
    await refresh();
    await choose(id, { focus: true });
  } catch (error) {
    tell(error);
    await refresh();
  }
}

async function lost(id, body) {
  const won = body.current ?? {};
  const known = won.status && won.decided_by;
  const words = { name: won.decided_by_name ?? t("somebody"), status: t(`status.${won.status}`) };
  toast(known ? t("lost", words) : t("lost_unknown"), { look: "bad", seconds: 10 });
  await choose(id);
  await refresh();
}

async function snooze(minutes) {
  const id = current();
  try {
    const next = neighbour(id);
    await post(`/console/api/drafts/${id}/snooze`, { minutes });
    toast(t("snoozed", { minutes }));
    await goOn(id, next);
  } catch (error) {
    tell(error);
  }
}

function step(by) {
  const ids = lines().map((line) => line.dataset.id);
  const at = ids.indexOf(current());
  const next = at < 0 ? ids[0] : ids[Math.min(ids.length - 1, Math.max(0, at + by))];
  if (next && next !== current()) choose(next);
}

// The draft on screen moved on: say so, and leave what is being typed alone.
function seen({ draft: now }) {
  const notice = panel.querySelector("[data-notice]");
  if (!now || !notice || busy) return;
  const moved = now.version !== Number(draft().dataset.version);
  const text = moved ? t("changed") : now.newer ? t("newer", { count: now.newer }) : "";
  if (!text) notice.hidden = true;
  else if (moved && !differs(formIn(panel))) choose(current());
  else if (notice.hidden || notice.dataset.said !== text) show(notice, text);
}

function show(notice, text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.textContent = t("reload");
  button.addEventListener("click", () => choose(current()));
  notice.replaceChildren(text, button);
  notice.dataset.said = text;
  notice.hidden = false;
}

function openSnooze() {
  const menu = panel.querySelector("[data-snooze]");
  if (!menu) return;
  menu.open = true;
  menu.querySelector("[data-minutes]").focus();
}

const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  a: () => decide("approve"),
  r: () => decide("reject"),
  e: () => decide("escalate"),
  s: openSnooze,
  i: () => panel.querySelector("[data-text]")?.focus(),
  z: () => undoLast && undoLast.until > Date.now() && (undoLast.close(), undoLast.run()),
  "?": () => document.getElementById("help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]") || event.isComposing) return;
  const typing = event.target.matches("textarea, input, select");
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && formIn(panel)) {
    event.preventDefault();
    decide("modify");
  } else if (event.key === "Escape" && typing) {
    event.target.blur();
  } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
    const act = KEYS[event.key.toLowerCase()];
    if (act) {
      event.preventDefault();
      act();
    }
  }
});

document.addEventListener("click", (event) => {
  const line = event.target.closest("#list [data-id]");
  const modified = event.ctrlKey || event.metaKey || event.shiftKey;
  if (line && !modified) {
    event.preventDefault();
    choose(line.dataset.id);
  } else if (event.target.closest("[data-back]")) {
    event.preventDefault();
    leave();
  } else if (event.target.closest("[data-help]")) {
    KEYS["?"]();
  }
});

panel.addEventListener("click", (event) => {
  const button = event.target.closest("[data-decide]");
  if (button) decide(button.dataset.decide);
  const minutes = event.target.closest("[data-minutes]");
  if (minutes) snooze(Number(minutes.dataset.minutes));
});

panel.addEventListener("submit", (event) => event.preventDefault());

async function changed() {
  await refresh();
  if (!current() && wide.matches && lines().length) await choose(lines()[0].dataset.id);
}

count();
if (current()) ready();
else if (wide.matches && lines().length) choose(lines()[0].dataset.id);
watch({
  topics: ["drafts"],
  query: () => (draft() ? { draft: current(), ...(draft().dataset.after ? { after: draft().dataset.after } : {}) } : {}),
  changed,
  seen,
});
