// Ask the server whether any version has changed, with one request for all fragments of the page, and refresh the fragments
// whose version has. The server answers when a version changes, or after a while. Streamlit drops a request to refresh when a
// newer run begins, so a fragment is asked again after AGAIN_MS. Of two fragments that are asked at the same time Streamlit
// draws only one, so the second is asked when the first is drawn.
//
// After a click on a link to another page, no fragment of the old page is refreshed: its run would name the old page, which
// Streamlit's application mistakes for a change of page, and shows a white page.
const AGAIN_MS = 1000;
const LEAVES_WITHIN_MS = 10000;
const RELOADS_EVERY_MS = 15000;

const shared = (window.alpes ??= { listeners: new Map(), page: null, leaves: null });

export default function ({ data, setTriggerValue }) {
  const isNew = !shared.listeners.has(data.name);
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
  if (drawn || isNew) askIn(drawn && shared.more ? 0 : shared.pause);
  return () => shared.listeners.get(data.name) === listener && shared.listeners.delete(data.name);
}

function begin({ pause }) {
  if (shared.pause) return;
  shared.pause = pause;
  shared.leave = (to) => to !== shared.page && (shared.leaves = { to, at: Date.now() });
  shared.leaving = () => shared.leaves !== null && Date.now() - shared.leaves.at < LEAVES_WITHIN_MS;
  addEventListener("click", clicked, { capture: true });
  addEventListener("popstate", () => shared.leave(pageOf(location)));
  document.addEventListener("visibilitychange", () => askIn(0)); // a hidden page asks nothing and holds no connection
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

function askIn(ms) {
  clearTimeout(shared.timer);
  shared.timer = setTimeout(ask, ms);
}

async function ask() {
  revive();
  shared.request?.abort();
  const request = (shared.request = new AbortController());
  let nextMs = AGAIN_MS; // also while the page is hidden or left, and while the server does not answer
  try {
    if (!document.hidden && shared.listeners.size > 0 && !shared.leaving()) {
      const drawn = [...shared.listeners].map(([name, listener]) => `${name}~${listener.drawn}`);
      const answer = await fetch(`pulse?of=${drawn}`, { cache: "no-store", signal: request.signal });
      if (answer.ok && !hear(await answer.json())) nextMs = shared.pause; // after a change, the drawing asks earlier
    }
  } catch {
    // The server does not answer, and Streamlit's own message on the page says so; or a newer request has replaced this one.
  }
  if (request === shared.request) askIn(nextMs);
}

// Refresh one fragment that has changed, and return whether one is awaited.
function hear(marks) {
  if (shared.leaving()) return false;
  const now = Date.now();
  const changed = [...shared.listeners].filter(([name, { drawn }]) => name in marks && marks[name] !== drawn);
  shared.more = changed.length > 1;
  if (changed.length === 0) return false;
  if (changed.some(([, { waits, told }]) => waits && now - told < AGAIN_MS)) return true;
  const [name, next] = changed.reduce((one, other) => (other[1].told < one[1].told ? other : one));
  Object.assign(next, { told: now, waits: true });
  next.tell("changed", marks[name]);
  return true;
}

// Reload the page when Streamlit's application is gone, which shows as a white page.
function revive() {
  if (document.querySelector(".stApp")) return;
  const last = Number(sessionStorage.getItem("alpes-revived") ?? 0);
  if (Date.now() - last < RELOADS_EVERY_MS) return;
  sessionStorage.setItem("alpes-revived", Date.now());
  location.reload();
}
