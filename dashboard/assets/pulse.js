// Asks the server now and then whether anything changed, once for all that listen on this page, and has what did change
// drawn anew. A run that is overtaken by another never hears of it: it is told again after a while.
const AGAIN_MS = 1000;

const listeners = (window.alpesPulse ??= new Map());

export default function ({ data, setTriggerValue }) {
  const listener = listeners.get(data.name) ?? { told: 0 };
  if (listener.drawn !== data.drawn) listener.told = 0;
  listener.drawn = data.drawn;
  listener.tell = setTriggerValue;
  listeners.set(data.name, listener);
  window.alpesPulseTimer ??= setInterval(ask, data.every);
  return () => listeners.get(data.name) === listener && listeners.delete(data.name);
}

let asking = false;

async function ask() {
  if (asking || document.hidden || listeners.size === 0) return;
  asking = true;
  try {
    const answer = await fetch("/pulse", { cache: "no-store" });
    if (answer.ok) hear(await answer.json());
  } catch {
    // The server is away: the page says so by itself.
  } finally {
    asking = false;
  }
}

function hear(marks) {
  const now = Date.now();
  for (const [name, listener] of listeners) {
    if (!(name in marks) || marks[name] === listener.drawn || now - listener.told < AGAIN_MS) continue;
    listener.told = now;
    listener.tell("changed", marks[name]);
  }
}
