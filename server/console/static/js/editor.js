// The reply under a person's hands: what differs from the suggestion, which buttons that allows, whose answer to take.
import { fragment, post, Problem, tell } from "./api.js";
import { t } from "./texts.js";
import { toast } from "./toasts.js";

const typed = new Map();

export const formIn = (root) => root.querySelector("[data-reply]");
const textIn = (form) => form?.querySelector("[data-text]") ?? null;
const plain = (text) => text.replace(/\s+/g, " ").trim();

export function textOf(form) {
  return textIn(form)?.value ?? "";
}

// Whether the text differs from the suggestion in more than white space (the service judges in the same way).
export function differs(form) {
  const area = textIn(form);
  return Boolean(area) && plain(area.value) !== plain(area.dataset.suggested);
}

// Take up a form that has just been rendered; what was typed for its draft before is put back.
export function begin(root) {
  const area = textIn(formIn(root));
  if (!area) return;
  const before = typed.get(formIn(root).dataset.draft);
  if (before !== undefined) area.value = before;
  update(formIn(root));
  offer(root.querySelector("[data-scripts]"));
}

// Scripts for the message come after the draft itself; where they can't be had, the page is whole without them.
async function offer(place) {
  if (!place) return;
  try {
    place.innerHTML = await fragment(place.dataset.scripts);
    place.hidden = !place.firstElementChild;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
}

export function forget(draft) {
  typed.delete(draft);
}

export function keep(draft, text) {
  typed.set(draft, text);
}

function update(form) {
  const changed = differs(form);
  const { draft } = form.dataset;
  if (changed) typed.set(draft, textOf(form));
  else typed.delete(draft);
  const modify = form.querySelector('[data-decide="modify"]');
  if (modify) modify.disabled = !changed || !plain(textOf(form)) || "never" in modify.dataset;
  const approve = form.querySelector('[data-decide="approve"]');
  if (approve) {
    approve.classList.toggle("primary", !changed);
    modify?.classList.toggle("primary", changed);
  }
}

document.addEventListener("input", (event) => {
  if (event.target.matches("[data-text]")) update(event.target.form);
});

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-entry]");
  if (!button) return;
  const { draft, entry } = button.dataset;
  try {
    const answer = await post(`/v1/drafts/${draft}/pick`, { entry_id: entry });
    // Sought only now: while the answer was under way the form may have been rendered anew, or have gone.
    const form = document.querySelector(`[data-reply][data-draft="${draft}"]`);
    if (textIn(form)) put(form, answer.text, answer.missing.map((name) => `{${name}}`).join(" "));
    else keep(draft, answer.text);
  } catch (error) {
    tell(error);
  }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-script]");
  if (!button) return;
  const form = document.querySelector(`[data-reply][data-draft="${button.dataset.draft}"]`);
  put(form, button.dataset.script, button.dataset.lacking);
});

function put(form, text, missing) {
  const area = textIn(form);
  area.value = text;
  const note = form.querySelector("[data-missing]");
  note.hidden = !missing;
  note.textContent = missing ? t("missing", { names: missing }) : "";
  update(form);
  area.focus();
  area.setSelectionRange(0, 0);
}

// Ask for a reason in the dialog; null where the person thinks better of it.
export function askReason() {
  const dialog = document.getElementById("reject");
  const input = dialog.querySelector('[name="reason"]');
  input.value = "";
  dialog.returnValue = "";
  dialog.querySelector("[data-cancel]").onclick = () => dialog.close("");
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "reject" ? input.value.trim() : null), { once: true });
  });
}

// Send a decision. Where the copy check stops it, show why; who may let it pass says the reason, else null comes back.
export async function sendDecision(form, body) {
  const url = `/console/api/drafts/${form.dataset.draft}/decision`;
  try {
    return warned(await post(url, body));
  } catch (error) {
    if (!(error instanceof Problem) || error.body.code !== "copy_blocked") throw error;
    const reason = await askOverride(form, error.body.copy ?? []);
    return reason === null ? null : warned(await post(url, { ...body, reason, override_copy: true }));
  }
}

function warned(done) {
  const labels = (done.copy_labels ?? []).map((label) => t(`copy_label.${label}`)).join("、");
  if (labels) toast(t("copy_passed", { labels }), { look: "bad", seconds: 10 });
  return done;
}

function askOverride(form, finds) {
  const dialog = document.getElementById("override");
  const may = "mayOverride" in form.dataset;
  for (const part of dialog.querySelectorAll("[data-may]")) part.hidden = !may;
  dialog.querySelector("[data-may-not]").hidden = may;
  dialog.querySelector("[data-finds]").replaceChildren(...finds.map(line));
  const input = dialog.querySelector('[name="reason"]');
  input.value = "";
  input.required = may;
  dialog.returnValue = "";
  dialog.querySelector("[data-cancel]").onclick = () => dialog.close("");
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "override" ? input.value.trim() : null), { once: true });
  });
}

function line(find) {
  const item = document.createElement("li");
  const label = document.createElement("strong");
  label.textContent = t(`copy_label.${find.label}`);
  item.append(label, ` 「${find.text}」 ${find.advice}`);
  return item;
}
