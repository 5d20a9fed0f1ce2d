// What a person does about a flagged message: the action, its labels, the words. Words follow the action until they are
// typed over, so that what stands there is what would be sent.
import { get, Problem, tell } from "./api.js";
import { t } from "./texts.js";

const KINDS = ["private", "rules"];
let asking = 0;

export const formIn = (root) => root.querySelector("[data-form]");
const textOf = (form, kind) => form.elements[`${kind}_text`];
const sendOf = (form, kind) => form.elements[`send_${kind}`];
const isTyped = (area) => area.value.trim() !== area.dataset.suggested.trim();
const chosen = (form) => [...form.querySelectorAll('[name="labels"]:checked')].map((box) => box.value);
const found = (form) => [...form.querySelectorAll('[name="labels"]')].filter((box) => box.defaultChecked).map((box) => box.value);
const minutesOf = (form) => (form.elements.action.value === "mute" ? Number(form.elements.minutes.value) || null : null);

export function begin(root) {
  const form = formIn(root);
  if (form?.elements.action) show(form);
}

// Whether anything was chosen or typed that a reload would lose.
export function isTouched(form) {
  if (!form?.elements.action) return false;
  const texts = KINDS.map((kind) => textOf(form, kind)).filter(Boolean);
  return form.elements.action.value !== form.dataset.action || otherLabels(form) || texts.some(isTyped);
}

function otherLabels(form) {
  return chosen(form).join() !== found(form).join();
}

// The body of a decision: words only where they were typed, so that the service drafts them as it would anyway.
export function rulingOf(form) {
  const body = { action: form.elements.action.value };
  const minutes = minutesOf(form);
  if (minutes) body.minutes = minutes;
  if (otherLabels(form)) body.labels = chosen(form);
  for (const kind of KINDS) {
    const area = textOf(form, kind);
    if (!area) continue;
    body[`send_${kind}`] = sendOf(form, kind).checked;
    if (sendOf(form, kind).checked && isTyped(area)) body[`${kind}_text`] = area.value;
  }
  return body;
}

function show(form) {
  const action = form.elements.action.value;
  const field = form.querySelector("[data-minutes-field]");
  field.hidden = action !== "mute";
  form.elements.minutes.required = action === "mute";
  const will = [];
  for (const kind of KINDS) {
    const area = textOf(form, kind);
    if (!area) continue;
    const sends = sendOf(form, kind).checked;
    area.hidden = !sends;
    area.required = sends;
    area.closest("[data-words]").classList.toggle("unsent", !sends);
    if (sends) will.push(t(`risk_will.${kind}`));
  }
  if (action === "mute" || action === "remove") will.push(t(`risk_will.${action}`));
  const said = will.length ? t("risk_sends_what", { what: will.join(t("and")) }) : t("risk_sends_none");
  form.querySelector("[data-sends]").textContent = said;
  form.querySelector('[data-decide="confirm"]').disabled = !chosen(form).length;
}

async function redraft(form) {
  const mine = ++asking;
  const asked = new URLSearchParams({ action: form.elements.action.value });
  if (minutesOf(form)) asked.set("minutes", minutesOf(form));
  for (const label of chosen(form)) asked.append("labels", label);
  try {
    const words = await get(`/console/api/risks/${form.dataset.risk}/texts?${asked}`);
    if (mine !== asking) return;
    for (const kind of KINDS) put(form, kind, words);
    show(form);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    tell(error);
  }
}

function put(form, kind, words) {
  const area = textOf(form, kind);
  if (!area) return;
  const typed = isTyped(area);
  area.dataset.suggested = words[`${kind}_text`] ?? "";
  if (!typed) area.value = area.dataset.suggested;
}

document.addEventListener("change", (event) => {
  const form = event.target.closest("[data-form]");
  if (!form) return;
  const { name } = event.target;
  // Back to what was proposed, with nothing else changed: what the item came with.
  const asProposed = name === "action" && event.target.value === form.dataset.action && !otherLabels(form);
  if (asProposed) restore(form);
  else if (["action", "minutes", "labels"].includes(name) && chosen(form).length) redraft(form);
  if (name === "action" && !asProposed) flag(form);
  show(form);
});

// What another action than the proposed one sends by itself; as the service has it.
const SENDS = { private: "warn_private", rules: "restate_rules" };

function flag(form) {
  for (const kind of KINDS) if (sendOf(form, kind)) sendOf(form, kind).checked = form.elements.action.value === SENDS[kind];
}

function restore(form) {
  asking += 1;
  for (const kind of KINDS) {
    const area = textOf(form, kind);
    if (!area) continue;
    if (!isTyped(area)) area.value = area.defaultValue;
    area.dataset.suggested = area.defaultValue;
    sendOf(form, kind).checked = sendOf(form, kind).defaultChecked;
  }
  form.elements.minutes.value = form.elements.minutes.defaultValue;
}
