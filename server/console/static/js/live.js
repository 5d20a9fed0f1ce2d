// Polls the counters of changes and says which moved. A hidden page polls seldom; a lost connection is told once.
import { get, Problem, tell } from "./api.js";

const OFTEN = 2000;
const SELDOM = 10000;

// query(): parameters to send along. changed(topic) for every counter that moved, seen(answer) after every poll.
export function watch({ topics, query = () => ({}), changed, seen = () => {} }) {
  let last = null;
  let timer = 0;
  let lost = false;

  async function look() {
    clearTimeout(timer);
    try {
      const answer = await get(`/console/changes?${new URLSearchParams(query())}`);
      const moved = topics.filter((topic) => last && answer[topic] !== last[topic]);
      // After a lost connection anything may have happened.
      const stale = lost ? topics : moved;
      lost = false;
      last = answer;
      for (const topic of stale) await changed(topic);
      seen(answer);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      if (error.status === 401) return tell(error);
      if (error.status === 0 && !lost) tell(error);
      lost = true;
    }
    timer = setTimeout(look, document.hidden ? SELDOM : OFTEN);
  }

  document.addEventListener("visibilitychange", () => !document.hidden && look());
  look();
  return look;
}
