// Take the first sight away when Streamlit's page has drawn the diagram itself, or when it has not for WAITS_MS: then it
// shows what is wrong.
{
  const WAITS_MS = 15000;
  const end = () => (document.getElementById("first-sight")?.remove(), watching.disconnect());
  const watching = new MutationObserver(() => document.querySelector(".st-key-card-flow .diagram svg") && end());
  watching.observe(document.getElementById("root"), { childList: true, subtree: true });
  setTimeout(end, WAITS_MS);
}
