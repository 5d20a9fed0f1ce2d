// A list with one item beside it: choose, go on to the next, keep the list fresh. What an item is and what can be done
// with it says the page.
import { fragment, tell } from "./api.js";
import { age } from "./console.js";

// path: of the list's page. kind: items are `article[data-<kind>]`. search: what the addresses carry.
// ready(): an item is on screen. counted(total): the list was read.
export function openInbox({ path, kind, search, ready, counted = () => {} }) {
  const inbox = document.getElementById("inbox");
  const list = document.getElementById("list");
  const panel = document.getElementById("panel");
  const wide = matchMedia("(min-width: 800px)");
  const self = { list, panel, busy: false, item, current, choose, leave, refresh, neighbour, goOn, step, changed, start };
  let loading = 0;
  let coming = null;

  const lines = () => [...list.querySelectorAll("[data-id]")];
  const ids = () => lines().map((line) => line.dataset.id);

  function item() {
    return panel.querySelector(`article[data-${kind}]`);
  }

  function current() {
    return item()?.dataset[kind] ?? null;
  }

  function mark(id) {
    for (const line of lines()) {
      if (line.dataset.id === id) line.setAttribute("aria-current", "true");
      else line.removeAttribute("aria-current");
    }
  }

  async function choose(id, { focus = false } = {}) {
    // Asked for already: a second answer would come over what is being typed into the first.
    if (coming === id) return;
    const mine = ++loading;
    coming = id;
    mark(id);
    try {
      const html = await fragment(`${path}/${id}/panel`);
      if (mine !== loading) return;
      panel.innerHTML = html;
    } catch (error) {
      if (mine === loading) tell(error);
      return;
    } finally {
      if (mine === loading) coming = null;
    }
    inbox.classList.add("chosen");
    history.replaceState(null, "", `${path}/${id}${search}`);
    list.querySelector('[aria-current="true"]')?.scrollIntoView({ block: "nearest" });
    shown();
    if (focus) panel.focus({ preventScroll: true });
  }

  function shown() {
    ready();
    const talk = panel.querySelector(".talk");
    const asked = talk?.querySelector(".asked");
    if (asked) talk.scrollTop = asked.offsetTop + asked.offsetHeight - talk.clientHeight + 24;
    panel.scrollTop = 0;
  }

  function leave() {
    loading += 1;
    coming = null;
    inbox.classList.remove("chosen");
    panel.replaceChildren(document.getElementById("none").content.cloneNode(true));
    mark(null);
    history.replaceState(null, "", `${path}${search}`);
  }

  async function refresh() {
    const focused = document.activeElement?.closest?.("#list [data-id]")?.dataset.id;
    const top = list.scrollTop;
    list.innerHTML = await fragment(`${path}/list${search}`);
    list.scrollTop = top;
    mark(current());
    age(list);
    count();
    if (focused) list.querySelector(`[data-id="${focused}"]`)?.focus();
  }

  function count() {
    counted(list.querySelector("[data-total]")?.dataset ?? {});
  }

  // The item after this one, else the one before it.
  function neighbour(id) {
    const at = ids().indexOf(id);
    return ids()[at + 1] ?? ids()[at - 1] ?? null;
  }

  async function goOn(id, next) {
    list.querySelector(`[data-id="${id}"]`)?.closest("li").remove();
    if (next && next !== id) await choose(next, { focus: true });
    else leave();
    // The next one is there: the list may follow without keeping anybody waiting.
    self.busy = false;
    await changed();
  }

  function step(by) {
    const known = ids();
    const at = known.indexOf(current());
    const next = at < 0 ? known[0] : known[Math.min(known.length - 1, Math.max(0, at + by))];
    if (next && next !== current()) choose(next);
  }

  async function changed() {
    await refresh();
    if (!current() && wide.matches && lines().length) await choose(ids()[0]);
  }

  function start() {
    count();
    if (current()) shown();
    else if (wide.matches && lines().length) choose(ids()[0]);
  }

  document.addEventListener("click", (event) => {
    const line = event.target.closest("#list [data-id]");
    const modified = event.ctrlKey || event.metaKey || event.shiftKey;
    if (line && !modified) {
      event.preventDefault();
      choose(line.dataset.id);
    } else if (event.target.closest("[data-back]")) {
      event.preventDefault();
      leave();
    } else if (event.target.closest("[data-help]")) {
      document.getElementById("help").showModal();
    }
  });

  return self;
}

// One letter, one deed; sends() is Ctrl+Enter, from within a text too.
export function keys(deeds, sends) {
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]") || event.isComposing) return;
    const typing = event.target.matches("textarea, select, input:not([type=checkbox], [type=radio])");
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      if (sends()) event.preventDefault();
    } else if (event.key === "Escape" && typing) {
      event.target.blur();
    } else if (!typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      const act = deeds[event.key.toLowerCase()];
      if (act) {
        event.preventDefault();
        act();
      }
    }
  });
}

// A line above the item, with a button that loads it anew.
export function note(notice, text, reload, run) {
  if (!notice.hidden && notice.dataset.said === text) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button small";
  button.textContent = reload;
  button.addEventListener("click", run);
  notice.replaceChildren(text, button);
  notice.dataset.said = text;
  notice.hidden = false;
}
