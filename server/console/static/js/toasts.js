// Short notes at the edge of the page, one of them with a countdown during which something can be taken back.
import { t } from "./texts.js";

const place = document.getElementById("toasts");
const MOST = 4;

// seconds 0: stays. action: {text(secondsLeft), run()}. only: at most one of that name. Returns a function that closes it.
export function toast(text, { look = "good", seconds = 5, action = null, link = null, only = null } = {}) {
  if (only && place.querySelector(`[data-only="${only}"]`)) return () => {};
  const box = document.createElement("div");
  box.className = `toast ${look}`;
  if (only) box.dataset.only = only;
  const words = document.createElement("span");
  words.textContent = text;
  box.append(words);
  let timer = 0;
  const close = () => {
    clearInterval(timer);
    box.remove();
  };
  if (link) box.append(anchor(link));
  const button = action ? box.appendChild(actionButton(action, seconds, close)) : null;
  box.append(closeButton(close));
  place.append(box);
  while (place.children.length > MOST) place.firstElementChild.remove();
  if (seconds) timer = countDown(seconds, button, action, close);
  return close;
}

function countDown(seconds, button, action, close) {
  const end = Date.now() + seconds * 1000;
  return setInterval(() => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left <= 0) close();
    else if (button) button.textContent = action.text(left);
  }, 250);
}

function actionButton(action, seconds, close) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.dataset.undo = "";
  // The ticking number is for eyes: a screen reader would hear it every second.
  button.setAttribute("aria-label", action.label);
  button.textContent = action.text(seconds);
  button.addEventListener("click", () => {
    close();
    action.run();
  });
  return button;
}

function anchor({ href, text }) {
  const made = document.createElement("a");
  made.className = "button small";
  made.href = href;
  made.textContent = text;
  return made;
}

function closeButton(close) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "quiet";
  button.textContent = "×";
  button.setAttribute("aria-label", t("close"));
  button.addEventListener("click", close);
  return button;
}
