// Replace the HTML of a section by the HTML that the server sent, and change only the elements that differ: the scroll
// position, the focus, the selection, and what the visitor has folded stay. A new row is highlighted for a few seconds. Elements with the same data-key
// are the same element.
export default function ({ data, parentElement, setTriggerValue, setStateValue }) {
  let root = parentElement.querySelector(":scope > .alpes-live");
  if (!root) {
    root = document.createElement("div");
    root.className = "alpes-live";
    parentElement.appendChild(root);
  }
  if (root.mark !== data.mark) {
    if (data.html === null) {
      ask(root, data.mark, setTriggerValue);
    } else {
      clearTimeout(root.asking);
      const wanted = document.createElement("template");
      wanted.innerHTML = data.html;
      morph(root, wanted.content, root.mark !== undefined);
      root.mark = data.mark;
    }
  }
  root.onclick = (event) => {
    const go = event.target.closest("[data-go]");
    if (go && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      setTriggerValue("go", go.dataset.go);
    }
    const pick = event.target.closest("[data-pick]");
    if (pick) setStateValue("picked", pick.dataset.pick);
    const copy = event.target.closest("[data-copy]");
    if (copy) copyText(copy);
  };
}

// Copy what a button holds, and mark the button for a moment. Browsers have a clipboard only on https and on this machine.
async function copyText(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    const field = document.createElement("textarea");
    field.value = button.dataset.copy;
    button.after(field);
    field.select();
    const copied = document.execCommand("copy");
    field.remove();
    button.focus();
    if (!copied) return;
  }
  button.setAttribute("data-new", "");
  setTimeout(() => button.removeAttribute("data-new"), 2000);
}

// Ask the server for HTML that this browser has missed. Streamlit drops a question when a newer run of the page begins, so
// repeat it until the HTML has arrived.
function ask(root, mark, setTriggerValue) {
  clearTimeout(root.asking);
  if (root.mark === mark || !root.isConnected) return;
  if (!window.alpes?.leaving?.()) setTriggerValue("lost", mark);
  root.asking = setTimeout(() => ask(root, mark, setTriggerValue), 1500);
}

function morph(shown, wanted, mark) {
  const keyed = new Map();
  for (const child of shown.children) if (child.dataset.key) keyed.set(child.dataset.key, child);
  const empty = keyed.size === 0;
  let at = shown.firstChild;
  for (const want of [...wanted.childNodes]) {
    const key = want.nodeType === 1 ? want.dataset.key : undefined;
    let have = null;
    if (key) have = keyed.get(key) || null;
    else if (at && !(at.dataset && at.dataset.key) && at.nodeName === want.nodeName) have = at;
    if (!have) {
      shown.insertBefore(want, at);
      if (key && mark && !empty) flash(want);
      continue;
    }
    if (have === at) at = at.nextSibling;
    else shown.insertBefore(have, at);
    if (key) keyed.delete(key);
    update(have, want, mark);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function update(have, want, mark) {
  if (have.nodeType !== 1) {
    if (have.nodeValue !== want.nodeValue) have.nodeValue = want.nodeValue;
    return;
  }
  for (const { name, value } of [...want.attributes]) {
    if (name !== "open" && have.getAttribute(name) !== value) have.setAttribute(name, value);
  }
  for (const { name } of [...have.attributes]) {
    if (!want.hasAttribute(name) && name !== "data-new" && name !== "open") have.removeAttribute(name);
  }
  morph(have, want, mark);
}

function flash(element) {
  element.setAttribute("data-new", "");
  setTimeout(() => element.removeAttribute("data-new"), 4000);
}
