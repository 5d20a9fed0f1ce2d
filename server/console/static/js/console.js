// What every page has: the community filter, menus that close, notes that can be dismissed, waiting times that age.
import { t } from "./texts.js";

document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
});

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  event.target.closest("[data-close]")?.parentElement.remove();
});

document.addEventListener("keydown", (event) => {
  const open = event.key === "Escape" && document.querySelector("details.menu[open]");
  if (open) {
    open.open = false;
    open.querySelector("summary").focus();
  }
});

// On a narrow screen the places scroll sideways: bring the present one into sight.
const places = document.querySelector(".places");
const here = places?.querySelector("[aria-current]");
if (here) places.scrollLeft = here.offsetLeft - places.offsetLeft - (places.clientWidth - here.offsetWidth) / 2;

const MINUTE = 60_000;

// Text of how long something has waited, and how urgent that looks.
export function age(root = document) {
  for (const time of root.querySelectorAll("time[data-waited]")) {
    const minutes = Math.floor((Date.now() - Date.parse(time.dateTime)) / MINUTE);
    time.textContent = waited(minutes);
    time.classList.toggle("long", minutes >= 5);
  }
  for (const time of root.querySelectorAll("time[data-due]")) count(time);
}

// How long is left until a moment, or how long it is past; what is past or nearly so looks like it.
function count(time) {
  const minutes = (Date.parse(time.dateTime) - Date.now()) / MINUTE;
  const late = minutes < 0;
  const number = Math.floor(Math.abs(minutes));
  const long = number >= 120;
  time.textContent = t(`due.${late ? "late" : "left"}${long ? "_hours" : ""}`, { n: long ? Math.floor(number / 60) : number });
  if (late) time.classList.add("overdue");
}

function waited(minutes) {
  if (minutes < 1) return t("waited.now");
  if (minutes < 60) return t("waited.minutes", { n: minutes });
  if (minutes < 24 * 60) return t("waited.hours", { n: Math.floor(minutes / 60) });
  return t("waited.days", { n: Math.floor(minutes / 60 / 24) });
}

age();
setInterval(age, 15_000);
