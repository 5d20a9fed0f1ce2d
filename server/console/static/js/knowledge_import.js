// Look at a file, set its columns right, import it. The file stays in the browser until it is imported.
import { send, tell } from "./api.js";

const form = document.getElementById("import-form");
const report = document.getElementById("report");
let running = 0;

function address(dryRun) {
  const file = form.elements.file.files[0];
  const query = new URLSearchParams({ name: file.name, dry_run: String(dryRun) });
  if (form.elements.community.value) query.set("community", form.elements.community.value);
  const chosen = [...report.querySelectorAll("[data-column]")].map((select) => [select.dataset.column, select.value || null]);
  if (chosen.length && report.dataset.file === file.name) query.set("columns", JSON.stringify(Object.fromEntries(chosen)));
  for (const option of report.querySelectorAll("[data-option]:checked")) query.set(option.name, "true");
  return `/console/api/knowledge/import?${query}`;
}

async function run(dryRun) {
  const mine = ++running;
  const file = form.elements.file.files[0];
  if (!file) return;
  report.setAttribute("aria-busy", "true");
  for (const button of document.querySelectorAll("#import-form button, [data-import]")) button.disabled = true;
  try {
    const html = await send(address(dryRun), file);
    if (mine !== running) return;
    report.innerHTML = html;
    report.dataset.file = file.name;
    report.focus({ preventScroll: !dryRun });
  } catch (error) {
    tell(error);
  } finally {
    report.removeAttribute("aria-busy");
    form.querySelector("button").disabled = false;
  }
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  run(true);
});

// Another file is another table: what was chosen for the last one says nothing about it.
form?.elements.file.addEventListener("change", () => report.replaceChildren());

report.addEventListener("change", (event) => {
  if (event.target.matches("[data-column]")) run(true);
  if (event.target.matches('[name="partial"]')) report.querySelector("[data-import]").disabled = !event.target.checked;
});

report.addEventListener("click", (event) => {
  if (event.target.closest("[data-import]")) run(false);
});
