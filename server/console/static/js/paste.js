// Paste a message, wait for its draft, decide, copy the reply, and say that it was sent.
import { fragment, post, Problem, tell } from "./api.js";
import { askReason, begin, forget, formIn, sendDecision, textOf } from "./editor.js";
import { watch } from "./live.js";
import { t } from "./texts.js";
import { toast } from "./toasts.js";

const form = document.getElementById("paste-form");
const result = document.getElementById("result");
const today = document.getElementById("today");
const REMEMBERED = "qunzhu.paste.community";
const ASK_EVERY = 400;
const PATIENCE = 20_000;
let open = 0;

const pasted = () => result.querySelector("[data-message]");

async function load(id) {
  result.innerHTML = await fragment(`/console/paste/${id}/panel`);
  result.hidden = false;
  begin(result);
}

// Show an item, and look again until its draft is there; after 20 seconds the list below takes over.
async function show(id) {
  const mine = ++open;
  const until = Date.now() + PATIENCE;
  history.replaceState(null, "", `/console/paste?message=${id}`);
  try {
    await load(id);
    result.scrollIntoView({ block: "nearest" });
    while (mine === open && "waiting" in pasted().dataset) {
      await new Promise((done) => setTimeout(done, ASK_EVERY));
      if (mine !== open) return;
      if (Date.now() > until) {
        const text = result.querySelector("[data-waiting-text]");
        text.textContent = text.dataset.slow;
        return;
      }
      const fresh = document.createElement("template");
      fresh.innerHTML = await fragment(`/console/paste/${id}/panel`);
      if (mine === open && !fresh.content.querySelector("[data-waiting]")) {
        result.replaceChildren(fresh.content);
        begin(result);
      }
    }
    await refresh();
  } catch (error) {
    tell(error);
  }
}

async function refresh() {
  today.innerHTML = await fragment("/console/paste/list");
}

async function submit() {
  const button = form.querySelector("button");
  if (button.disabled || !form.reportValidity()) return;
  button.disabled = true;
  const { community_id, nickname, text } = form.elements;
  try {
    localStorage.setItem(REMEMBERED, community_id.value);
    const made = await post("/console/api/paste", { community_id: community_id.value, nickname: nickname.value, text: text.value });
    text.value = "";
    nickname.value = "";
    await show(made.id);
    result.focus({ preventScroll: true });
  } catch (error) {
    tell(error);
  } finally {
    button.disabled = false;
  }
}

async function decide(decision) {
  const reply = formIn(result);
  const id = pasted().dataset.message;
  const body = { decision, version: Number(reply.dataset.version) };
  if (decision === "modify") body.text = textOf(reply);
  if (decision === "reject") {
    const reason = await askReason();
    if (reason === null) return;
    if (reason) body.reason = reason;
  }
  try {
    const done = await sendDecision(reply, body);
    if (!done) return;
    forget(reply.dataset.draft);
    if (!done.copy_from) toast(t(done.status));
  } catch (error) {
    tell(error);
    if (!(error instanceof Problem) || error.status !== 409) return;
  }
  await load(id);
  result.querySelector("[data-copy]")?.focus();
  await refresh();
}

async function copy() {
  const area = result.querySelector("[data-copy-text]");
  try {
    await navigator.clipboard.writeText(area.value);
  } catch {
    // Without https (or the permission) there is no clipboard API: the old way still works.
    area.focus();
    area.select();
    if (!document.execCommand("copy")) return toast(t("copy_failed"), { look: "bad" });
  }
  toast(t("copied"));
  result.querySelector("[data-mark]")?.focus();
}

async function markSent(delivery) {
  const id = pasted().dataset.message;
  try {
    await post(`/v1/deliveries/${delivery}/ack`);
    toast(t("marked"));
  } catch (error) {
    tell(error);
  }
  await load(id);
  await refresh();
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  if (form?.contains(event.target)) submit();
  else if (result.contains(event.target) && !result.querySelector('[data-decide="modify"]')?.disabled) decide("modify");
});

result.addEventListener("submit", (event) => event.preventDefault());

result.addEventListener("click", (event) => {
  const decision = event.target.closest("[data-decide]");
  const mark = event.target.closest("[data-mark]");
  if (decision) decide(decision.dataset.decide);
  else if (mark) markSent(mark.dataset.mark);
  else if (event.target.closest("[data-copy]")) copy();
});

today.addEventListener("click", (event) => {
  const line = event.target.closest("[data-id]");
  if (!line || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  show(line.dataset.id);
});

const remembered = localStorage.getItem(REMEMBERED);
const options = form ? [...form.elements.community_id.options] : [];
const filtered = options.some((option) => option.defaultSelected);
if (!filtered && options.some((option) => option.value === remembered)) form.elements.community_id.value = remembered;
if (pasted()) show(pasted().dataset.message);
watch({ topics: ["drafts", "deliveries"], changed: refresh });
