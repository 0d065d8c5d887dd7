// Ask the server regularly whether any version has changed, with one request for all fragments of the page, and refresh
// the fragments whose version has. Streamlit drops a request to refresh when a newer run begins, so a fragment is asked
// again after AGAIN_MS. Of two fragments that are asked at the same time Streamlit draws only one, so the second is asked
// when the first is drawn.
//
// After a click on a link to another page, no fragment of the old page is refreshed: its run would name the old page, which
// Streamlit's application mistakes for a change of page, and shows a white page.
const AGAIN_MS = 1000;
const LEAVES_WITHIN_MS = 10000;
const RELOADS_EVERY_MS = 15000;

const shared = (window.alpes ??= { listeners: new Map(), page: null, leaves: null });

export default function ({ data, setTriggerValue }) {
  const listener = shared.listeners.get(data.name) ?? { told: 0, waits: false };
  const drawn = listener.waits && listener.drawn !== data.drawn;
  if (drawn) listener.waits = false;
  listener.drawn = data.drawn;
  listener.tell = setTriggerValue;
  shared.listeners.set(data.name, listener);
  if (data.page !== shared.page) Object.assign(shared, { page: data.page, leaves: null });
  dropForeignParameters(data.parameters);
  document.documentElement.lang = data.language; // Streamlit's page says English, which screen readers believe
  begin(data);
  if (drawn && shared.more) ask();
  return () => shared.listeners.get(data.name) === listener && shared.listeners.delete(data.name);
}

function begin({ every, soon, soonFor }) {
  if (shared.timer) return;
  const next = () => (Date.now() - (shared.changed ?? 0) < soonFor ? soon : every);
  const poll = () => {
    ask();
    shared.timer = setTimeout(poll, next());
  };
  shared.timer = setTimeout(poll, every);
  shared.leave = (to) => to !== shared.page && (shared.leaves = { to, at: Date.now() });
  shared.leaving = () => shared.leaves !== null && Date.now() - shared.leaves.at < LEAVES_WITHIN_MS;
  addEventListener("click", clicked, { capture: true });
  addEventListener("popstate", () => shared.leave(pageOf(location)));
}

// Remove from the address what belongs to another page: Streamlit adds a link's parameters to the page that is left, too.
function dropForeignParameters(known) {
  if (shared.leaving?.()) return;
  const address = new URL(location);
  const foreign = [...address.searchParams.keys()].filter((name) => !known.includes(name));
  if (foreign.length === 0) return;
  for (const name of foreign) address.searchParams.delete(name);
  history.replaceState(history.state, "", address);
}

// Return the last part of the path, which is empty for the first page.
function pageOf({ pathname }) {
  return pathname.split("/").pop();
}

function clicked(event) {
  const link = event.target.closest?.("a[href]");
  if (link && link.origin === location.origin && !link.target) {
    if (!event.ctrlKey && !event.metaKey && !event.shiftKey) shared.leave(pageOf(link));
  } else if (shared.leaving() && event.target.closest?.(".stMain")) {
    event.stopPropagation();
    event.preventDefault();
  }
}

let asking = false;

async function ask() {
  revive();
  if (asking || document.hidden || shared.listeners.size === 0 || shared.leaving()) return;
  asking = true;
  try {
    const answer = await fetch(`pulse?of=${[...shared.listeners.keys()]}`, { cache: "no-store" });
    if (answer.ok) hear(await answer.json());
  } catch {
    // The server does not answer, and Streamlit's own message on the page says so.
  } finally {
    asking = false;
  }
}

function hear(marks) {
  if (shared.leaving()) return;
  const now = Date.now();
  const changed = [...shared.listeners].filter(([name, { drawn }]) => name in marks && marks[name] !== drawn);
  shared.more = changed.length > 1;
  if (changed.length > 0) shared.changed = now;
  if (changed.length === 0 || changed.some(([, { waits, told }]) => waits && now - told < AGAIN_MS)) return;
  const [name, next] = changed.reduce((one, other) => (other[1].told < one[1].told ? other : one));
  Object.assign(next, { told: now, waits: true });
  next.tell("changed", marks[name]);
}

// Reload the page when Streamlit's application is gone, which shows as a white page.
function revive() {
  if (document.querySelector(".stApp")) return;
  const last = Number(sessionStorage.getItem("alpes-revived") ?? 0);
  if (Date.now() - last < RELOADS_EVERY_MS) return;
  sessionStorage.setItem("alpes-revived", Date.now());
  location.reload();
}
