// What keys do on every page: `/` opens the search and `?` the list of keys beside it, `p` turns presenter mode on and off, and
// Escape off. Keys that are typed into a field, or that close something, do nothing here. While presenting, draw a button for
// the full screen.
const SEARCH = ".st-key-search button";
const SEARCH_FIELD = ".st-key-search_text input";
const FIELD_COMES_WITHIN_MS = 3000;
const SWITCH = ".st-key-present_switch button";
const TYPED = "input, textarea, select, [contenteditable=true], [role=combobox]";
const OPEN = '[role="dialog"], [data-testid="stPopoverBody"], [data-testid="stTooltipContent"]';
// Drawn here, because not every font has a sign for it.
const CORNERS =
  '<svg viewBox="0 0 16 16" width="14" height="14" fill="none" stroke="currentColor" stroke-width="2" aria-hidden="true">' +
  '<path d="M1 5V1h4M11 1h4v4M15 11v4h-4M5 15H1v-4"/></svg>';

// In the page before this component hears of it: a key that comes at once counts too.
const PRESENTING = ".st-key-presenting";

export default function ({ data, parentElement }) {
  if (!window.alpesKeys) {
    window.alpesKeys = true;
    addEventListener("keydown", (event) => window.alpesPress?.(event));
  }
  window.alpesPress = press;
  let button = parentElement.querySelector(":scope > button");
  if (!data.presenting || !document.fullscreenEnabled) {
    button?.remove();
    return;
  }
  if (!button) {
    button = document.createElement("button");
    button.type = "button";
    button.className = "alpes-full-screen";
    button.innerHTML = CORNERS;
    button.onclick = () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else document.documentElement.requestFullscreen();
    };
    parentElement.appendChild(button);
  }
  button.title = data.label;
  button.setAttribute("aria-label", data.label);
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.defaultPrevented) return;
  if (event.target.closest?.(TYPED)) return;
  const closes = document.fullscreenElement || document.querySelector(OPEN);
  const leaves = event.key === "Escape" && document.querySelector(PRESENTING) && !closes;
  if (event.key === "/" || event.key === "?") {
    event.preventDefault();
    openSearch(event.key === "/");
  }
  if (event.key === "p" || leaves) document.querySelector(SWITCH)?.click();
}

// Open the search unless it is open; its field takes the keys when it is there.
function openSearch(searches) {
  if (!document.querySelector(SEARCH_FIELD)) document.querySelector(SEARCH)?.click();
  if (searches) focusSearch(performance.now() + FIELD_COMES_WITHIN_MS);
}

function focusSearch(until) {
  const field = document.querySelector(SEARCH_FIELD);
  field?.focus();
  field?.select();
  if (!field && performance.now() < until) setTimeout(() => focusSearch(until), 50);
}
