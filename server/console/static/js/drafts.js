// The review page: choose, decide, take back, go on; by mouse or keyboard, while the list keeps itself fresh.
import { post, Problem, tell } from "./api.js";
import { askReason, begin, differs, forget, formIn, keep, sendDecision, textOf } from "./editor.js";
import { keys, note, openInbox } from "./inbox.js";
import { watch } from "./live.js";
import { t } from "./texts.js";
import { toast } from "./toasts.js";

const { tab } = document.getElementById("inbox").dataset;
const UNDO_REJECTED = 10;
const title = document.title;
let undoLast = null;

const box = openInbox({ path: "/console/drafts", kind: "draft", search: `?tab=${tab}`, ready: () => begin(box.panel), counted });

function counted({ total }) {
  document.title = tab === "open" && Number(total) ? `(${total}) ${title}` : title;
}

async function decide(decision) {
  const form = formIn(box.panel);
  const button = form?.querySelector(`[data-decide="${decision}"]`);
  if (!button || button.disabled || box.busy) return;
  const id = box.current();
  const body = { decision, version: Number(box.item().dataset.version) };
  if (decision === "modify") body.text = textOf(form);
  if (decision === "reject") {
    const reason = await askReason();
    if (reason === null || box.current() !== id) return;
    if (reason) body.reason = reason;
  }
  box.busy = true;
  try {
    const next = box.neighbour(id);
    const done = await sendDecision(form, body);
    if (!done) return;
    forget(id);
    told(id, done, body.text);
    await box.goOn(id, next);
  } catch (error) {
    if (error instanceof Problem && error.status === 409) await lost(id, error.body);
    else tell(error);
  } finally {
    box.busy = false;
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
    await box.refresh();
    await box.choose(id, { focus: true });
  } catch (error) {
    tell(error);
    await box.refresh();
  }
}

async function lost(id, body) {
  const won = body.current ?? {};
  const known = won.status && won.decided_by;
  const words = { name: won.decided_by_name ?? t("somebody"), status: t(`status.${won.status}`) };
  toast(known ? t("lost", words) : t("lost_unknown"), { look: "bad", seconds: 10 });
  await box.choose(id);
  await box.refresh();
}

async function snooze(minutes) {
  const id = box.current();
  try {
    const next = box.neighbour(id);
    await post(`/console/api/drafts/${id}/snooze`, { minutes });
    toast(t("snoozed", { minutes }));
    await box.goOn(id, next);
  } catch (error) {
    tell(error);
  }
}

// The draft on screen moved on: say so, and leave what is being typed alone.
function seen({ draft: now }) {
  const notice = box.panel.querySelector("[data-notice]");
  if (!now || !notice || box.busy) return;
  const moved = now.version !== Number(box.item().dataset.version);
  const text = moved ? t("changed") : now.newer ? t("newer", { count: now.newer }) : "";
  if (!text) notice.hidden = true;
  else if (moved && !differs(formIn(box.panel))) box.choose(box.current());
  else note(notice, text, t("reload"), () => box.choose(box.current()));
}

function openSnooze() {
  const menu = box.panel.querySelector("[data-snooze]");
  if (!menu) return;
  menu.open = true;
  menu.querySelector("[data-minutes]").focus();
}

keys(
  {
    j: () => box.step(1),
    k: () => box.step(-1),
    a: () => decide("approve"),
    r: () => decide("reject"),
    e: () => decide("escalate"),
    s: openSnooze,
    i: () => box.panel.querySelector("[data-text]")?.focus(),
    z: () => undoLast && undoLast.until > Date.now() && (undoLast.close(), undoLast.run()),
    "?": () => document.getElementById("help").showModal(),
  },
  () => formIn(box.panel) && (decide("modify"), true),
);

box.panel.addEventListener("click", (event) => {
  const button = event.target.closest("[data-decide]");
  if (button) decide(button.dataset.decide);
  const minutes = event.target.closest("[data-minutes]");
  if (minutes) snooze(Number(minutes.dataset.minutes));
});

box.panel.addEventListener("submit", (event) => event.preventDefault());

// What the service needs to say whether the conversation went on.
function onScreen() {
  const { after } = box.item()?.dataset ?? {};
  return box.item() ? { draft: box.current(), ...(after ? { after } : {}) } : {};
}

box.start();
watch({ topics: ["drafts"], query: onScreen, changed: box.changed, seen });
