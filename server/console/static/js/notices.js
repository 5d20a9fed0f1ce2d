// The bell of every page: how many notices wait, the list of them, a sound where somebody asked for it.
import { fragment, post, Problem, tell } from "./api.js";
import { watch } from "./live.js";
import { t } from "./texts.js";
import { toast } from "./toasts.js";

const SOUND = "qunzhu-notice-sound";
const bell = document.getElementById("bell");
const list = document.getElementById("notices");
const sound = bell.querySelector("[data-sound]");
let newest = bell.dataset.newest || null;

function count(number) {
  const badge = bell.querySelector("[data-notices]");
  badge.hidden = !number;
  badge.querySelector("[data-number]").textContent = number >= 100 ? "99+" : number;
}

async function load() {
  try {
    list.innerHTML = await fragment("/console/notices");
  } catch (error) {
    tell(error);
  }
}

// Two short tones; a browser lets them sound only after the person has used the page.
function ring() {
  const context = new AudioContext();
  for (const [at, pitch] of [[0, 660], [0.18, 880]]) {
    const tone = context.createOscillator();
    const volume = context.createGain();
    tone.frequency.value = pitch;
    volume.gain.setValueAtTime(0.08, context.currentTime + at);
    volume.gain.exponentialRampToValueAtTime(0.001, context.currentTime + at + 0.16);
    tone.connect(volume).connect(context.destination);
    tone.start(context.currentTime + at);
    tone.stop(context.currentTime + at + 0.16);
  }
  setTimeout(() => context.close(), 1000);
}

function seen({ notices, notice }) {
  count(notices);
  const fresh = notice && notice > (newest ?? "");
  if (fresh) {
    newest = notice;
    if (sound.checked) ring();
    const show = () => (bell.open = true);
    toast(t("notice_new"), { only: "notice", seconds: 8, action: { text: () => t("notice_open"), label: t("notice_open"), run: show } });
  }
  if (fresh && bell.open) load();
}

bell.addEventListener("toggle", () => bell.open && load());

list.addEventListener("click", async (event) => {
  const line = event.target.closest("[data-notice-id]");
  if (!line) return;
  const modified = event.ctrlKey || event.metaKey || event.shiftKey;
  if (!modified) event.preventDefault();
  try {
    await post(`/v1/notices/${line.dataset.noticeId}/seen`);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
  }
  if (!modified) location.href = line.href;
});

sound.checked = localStorage.getItem(SOUND) === "on";
sound.addEventListener("change", () => {
  localStorage.setItem(SOUND, sound.checked ? "on" : "off");
  if (sound.checked) ring();
});

watch({ seen });
