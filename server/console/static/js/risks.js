// Flagged messages: choose, confirm with an action and words, dismiss, take back, go on; by mouse or keyboard.
import { post, Problem, tell } from "./api.js";
import { keys, note, openInbox } from "./inbox.js";
import { watch } from "./live.js";
import { begin, formIn, isTouched, rulingOf } from "./risk_form.js";
import { t } from "./texts.js";
import { toast } from "./toasts.js";

const { query, status } = document.getElementById("inbox").dataset;
const UNDO_QUIET = 10;
const title = document.title;
let undoLast = null;

const box = openInbox({ path: "/console/risks", kind: "risk", search: `?${query}`, ready: () => begin(box.panel), counted });

function counted({ waiting }) {
  const number = Number(waiting ?? 0);
  document.title = number ? `(${number}) ${title}` : title;
  const badge = document.querySelector('[data-count="risks"]');
  badge.hidden = !number;
  badge.querySelector("[data-number]").textContent = number;
}

async function decide(decision) {
  const button = box.panel.querySelector(`[data-decide="${decision}"]`);
  const form = formIn(box.panel);
  if (!button || button.disabled || box.busy) return;
  if (decision === "confirm" && !form.reportValidity()) return;
  const id = box.current();
  const body = { decision, version: Number(box.item().dataset.version) };
  if (decision === "confirm") Object.assign(body, rulingOf(form));
  box.busy = true;
  try {
    const next = box.neighbour(id);
    const done = await post(`/console/api/risks/${id}/decision`, body);
    told(id, done);
    if (status === "pending" || status !== done.status) await box.goOn(id, next);
    else await box.choose(id);
  } catch (error) {
    if (error instanceof Problem && error.status === 409) await lost(id, error.body);
    else tell(error);
  } finally {
    box.busy = false;
  }
}

function told(id, done) {
  // Nothing of it waits: only the opinion can be taken back, and that for as long as one is likely to notice.
  const seconds = done.sends ? done.undo_seconds : UNDO_QUIET;
  const run = () => undo(id, done.version);
  undoLast = seconds ? { run, until: Date.now() + seconds * 1000 } : null;
  const action = seconds ? { text: (left) => t("undo", { seconds: left }), label: t("undo_plain"), run } : null;
  const text = done.status === "confirmed" && done.sends ? t("risk_sends", { seconds }) : t(`risk_${done.status}`);
  const close = toast(text, { seconds: seconds || 5, action });
  if (undoLast) undoLast.close = close;
  if (done.not_undone.length) {
    const what = done.not_undone.map((one) => t(`risk_took.${one.action ?? one.kind}`)).join(t("and"));
    toast(t("risk_not_undone", { what }), { look: "bad", seconds: 0 });
  }
}

async function undo(id, version) {
  undoLast = null;
  try {
    await post(`/v1/risks/${id}/undo`, { version });
    toast(t("risk_undone"));
    await box.refresh();
    await box.choose(id, { focus: true });
  } catch (error) {
    tell(error);
    await box.refresh();
  }
}

async function lost(id, body) {
  const won = body.current ?? {};
  const known = won.status !== "pending" && won.decided_by;
  const words = { name: won.decided_by_name ?? t("somebody"), status: t(`risk_status.${won.status}`) };
  toast(known ? t("risk_lost", words) : t("lost_unknown"), { look: "bad", seconds: 10 });
  await box.choose(id);
  await box.refresh();
}

// The item on screen moved on: load it anew, but leave what is being typed alone.
function seen({ risk: now }) {
  const notice = box.panel.querySelector("[data-notice]");
  if (!now || !notice || box.busy) return;
  if (now.version === Number(box.item().dataset.version)) notice.hidden = true;
  else if (!isTouched(formIn(box.panel))) box.choose(box.current());
  else note(notice, t("risk_changed"), t("reload"), () => box.choose(box.current()));
}

keys(
  {
    j: () => box.step(1),
    k: () => box.step(-1),
    c: () => decide("confirm"),
    d: () => decide("dismiss"),
    i: () => box.panel.querySelector("textarea:not([hidden])")?.focus(),
    z: () => undoLast && undoLast.until > Date.now() && (undoLast.close(), undoLast.run()),
    "?": () => document.getElementById("help").showModal(),
  },
  () => box.panel.contains(document.activeElement) && (decide("confirm"), true),
);

box.panel.addEventListener("click", (event) => {
  const button = event.target.closest("[data-decide]");
  if (button) decide(button.dataset.decide);
});

box.panel.addEventListener("submit", (event) => event.preventDefault());

box.start();
watch({ topics: ["risks"], query: () => (box.item() ? { risk: box.current() } : {}), changed: box.changed, seen });
