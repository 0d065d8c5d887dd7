// Tell the server, over a WebSocket, which version of each fragment this page shows, and refresh a fragment when the server
// has another. Streamlit drops a request to refresh when a newer run begins, so a fragment is asked again after AGAIN_MS. Of
// two fragments that are asked at the same time Streamlit draws only one, so the second is asked when the first is drawn.
//
// From a click on a link to another page on, no fragment of the old page is refreshed: its run would name the old page, which
// Streamlit's application mistakes for a change of page, and shows a white page.
const AGAIN_MS = 1000;
const SHARE = 1.25; // a refresh begins no sooner than so many times as long as the last one took after that one began
const ON_EVERY_PAGE = "frame"; // the fragment that comes first and says on which page the browser is
const TICK_MS = 100;
const TOGETHER_MS = 20; // fragments that are drawn within this time are told of in one message
const LEAVES_WITHIN_MS = 10000;
const RELOADS_EVERY_MS = 15000;

const shared = (window.alpes ??= { listeners: new Map(), page: null, leaves: null, versions: {} });

export default function ({ data, setTriggerValue }) {
  const listener = shared.listeners.get(data.name) ?? { told: 0, waits: false, rests: data.every };
  const drawn = listener.drawn !== data.drawn;
  const waited = drawn && listener.waits;
  // A server that has much to draw is asked less often.
  if (waited) Object.assign(listener, { waits: false, rests: Math.max(data.every, SHARE * (Date.now() - listener.told)) });
  if (drawn) delete shared.versions[data.name];
  listener.drawn = data.drawn;
  listener.tell = setTriggerValue;
  shared.listeners.set(data.name, listener);
  listener.page = data.page;
  if (data.name === ON_EVERY_PAGE && data.page !== shared.page) Object.assign(shared, { page: data.page, leaves: null });
  dropForeignParameters(data.parameters);
  document.documentElement.lang = data.language; // Streamlit's page says English, which screen readers believe
  begin();
  if (waited) hear();
  if (drawn) tellSoon();
  return () => shared.listeners.get(data.name) === listener && shared.listeners.delete(data.name);
}

function begin() {
  if (shared.timer) return;
  shared.timer = setInterval(tick, TICK_MS);
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

function tick() {
  revive();
  if (document.hidden) shared.socket?.close();
  else if (!shared.socket) connect();
  else hear();
}

function connect() {
  const address = new URL("pulse", location);
  address.protocol = address.protocol.replace("http", "ws");
  address.search = address.hash = "";
  const socket = (shared.socket = new WebSocket(address));
  shared.versions = {};
  socket.onopen = tell;
  socket.onmessage = ({ data }) => {
    shared.versions = JSON.parse(data);
    hear();
  };
  // A server that is away: the next tick connects again, and Streamlit's own message on the page says so.
  socket.onclose = () => shared.socket === socket && (shared.socket = null);
}

// Tell the server what is shown, once for all that is drawn at about the same time.
function tellSoon() {
  shared.telling ??= setTimeout(tell, TOGETHER_MS);
}

function tell() {
  clearTimeout(shared.telling);
  shared.telling = null;
  if (shared.socket?.readyState !== WebSocket.OPEN) return;
  const shown = [...shared.listeners].map(([name, { drawn }]) => [name, drawn]);
  shared.socket.send(JSON.stringify(Object.fromEntries(shown)));
}

// Refresh the fragment that has waited longest of those whose version differs from the server's last message.
function hear() {
  if (shared.leaving()) return;
  const now = Date.now();
  const versions = shared.versions;
  // The fragments of the page that was left are there until all of the new one has come.
  const differs = ([name, { drawn, page }]) => page === shared.page && name in versions && versions[name] !== drawn;
  const changed = [...shared.listeners].filter((one) => differs(one) && now - one[1].told >= one[1].rests);
  if (changed.length === 0 || [...shared.listeners.values()].some(({ waits, told }) => waits && now - told < AGAIN_MS)) return;
  const [name, next] = changed.reduce((one, other) => (other[1].told < one[1].told ? other : one));
  Object.assign(next, { told: now, waits: true });
  next.tell("changed", versions[name]);
}

// Reload the page when Streamlit's application is gone, which shows as a white page.
function revive() {
  if (document.querySelector(".stApp")) return;
  const last = Number(sessionStorage.getItem("alpes-revived") ?? 0);
  if (Date.now() - last < RELOADS_EVERY_MS) return;
  sessionStorage.setItem("alpes-revived", Date.now());
  location.reload();
}
