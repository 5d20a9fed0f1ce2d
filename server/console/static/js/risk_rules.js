// The rules form: rows of words come and go, labels that are off follow the choice above them, a trial takes its time.
const words = document.getElementById("rule-words");
const empty = document.getElementById("empty-word");
const form = document.getElementById("rules-form");
const off = document.getElementById("off");

document.getElementById("add-word").addEventListener("click", () => {
  words.append(empty.content.cloneNode(true));
  words.lastElementChild.querySelector("input").focus();
});

words.addEventListener("click", (event) => {
  const button = event.target.closest("[data-remove]");
  if (!button) return;
  const row = button.closest("li");
  const next = row.nextElementSibling ?? row.previousElementSibling;
  row.remove();
  (next?.querySelector("input") ?? document.getElementById("add-word")).focus();
});

function follow() {
  off.hidden = form.elements.off_own.value !== "own";
}

form.addEventListener("change", (event) => event.target.name === "off_own" && follow());

form.addEventListener("submit", (event) => {
  if (event.submitter && "try" in event.submitter.dataset) form.querySelector("[data-waiting]").hidden = false;
  // After the event, or the button's own address would not be sent.
  setTimeout(() => form.querySelectorAll(".rule-actions button").forEach((button) => (button.disabled = true)));
});

// Coming back by the browser's button finds the page as it was left: with nothing under way.
addEventListener("pageshow", () => {
  form.querySelectorAll(".rule-actions button").forEach((button) => (button.disabled = false));
  const waiting = form.querySelector("[data-waiting]");
  if (waiting) waiting.hidden = true;
});

follow();
document.getElementById("report")?.focus();
