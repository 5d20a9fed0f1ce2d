// Complaints and incidents keep themselves fresh: the board is read anew, a page that one works on says that it is old.
import { fragment, Problem, tell } from "./api.js";
import { age } from "./console.js";
import { note } from "./inbox.js";
import { watch } from "./live.js";
import { t } from "./texts.js";

const board = document.getElementById("board");
const work = document.querySelector("[data-case], [data-incident]");
const MINUTE = 60_000;

async function refresh() {
  const focused = document.activeElement?.closest?.("#board [data-id]")?.dataset.id;
  try {
    board.innerHTML = await fragment(`/console/complaints/board?${board.dataset.query}`);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== 0) tell(error);
    return;
  }
  if (focused) board.querySelector(`[data-id="${focused}"]`)?.focus();
  const number = Number(board.querySelector("[data-waiting]").dataset.waiting);
  const badge = document.querySelector('[data-count="complaints"]');
  badge.hidden = !number;
  badge.querySelector("[data-number]").textContent = number;
  age(board);
}

if (board) {
  watch({ topics: ["complaints"], changed: refresh });
  // Clocks go on where nothing else happens, and shops close.
  setInterval(() => !document.hidden && refresh(), MINUTE);
} else if (work) {
  const kind = work.dataset.case ? "case" : "incident";
  const version = Number(work.dataset.version);
  const notice = work.querySelector("[data-notice]");
  watch({
    query: () => ({ [kind]: work.dataset[kind] }),
    seen: (answer) => {
      if (answer[kind] && answer[kind].version !== version) note(notice, t("case_changed"), t("reload"), () => location.assign(location.pathname));
    },
  });
  const talk = work.querySelector(".talk");
  const asked = talk?.querySelector(".asked");
  if (asked) talk.scrollTop = asked.offsetTop + asked.offsetHeight - talk.clientHeight + 24;
}
