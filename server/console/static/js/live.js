// Polls the counters of changes and says which moved. A hidden page polls seldom; a lost connection is told once.
// However many parts of a page watch, there is one poll.
import { get, Problem, tell } from "./api.js";

const OFTEN = 2000;
const SELDOM = 10000;
const watchers = [];
let last = null;
let timer = 0;
let lost = false;
let running = false;

// query(): parameters to send along. changed(topic) for every counter that moved, seen(answer) after every poll.
export function watch({ topics = [], query = () => ({}), changed = () => {}, seen = () => {} }) {
  watchers.push({ topics, query, changed, seen });
  // The other parts of the page have their say before the first poll.
  if (watchers.length === 1) {
    document.addEventListener("visibilitychange", () => !document.hidden && look());
    queueMicrotask(look);
  }
  return look;
}

async function look() {
  clearTimeout(timer);
  if (running) return;
  running = true;
  try {
    const asked = Object.assign({}, ...watchers.map((one) => one.query()));
    const answer = await get(`/console/changes?${new URLSearchParams(asked)}`);
    const before = last;
    const everything = lost;
    lost = false;
    last = answer;
    for (const one of watchers) {
      // After a lost connection anything may have happened.
      const moved = one.topics.filter((topic) => everything || (before && answer[topic] !== before[topic]));
      for (const topic of moved) await one.changed(topic);
      one.seen(answer);
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status === 401) return tell(error);
    if (error.status === 0 && !lost) tell(error);
    lost = true;
  } finally {
    running = false;
  }
  timer = setTimeout(look, document.hidden ? SELDOM : OFTEN);
}
