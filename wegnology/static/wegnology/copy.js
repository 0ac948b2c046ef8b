// Copies the text of a button's data-copy and says so for a moment. Without this file the text stands there to be selected.
(() => {
  "use strict";

  const SHOWN_MS = 1500;

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    let said = "Copied";
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
    } catch {
      said = "Select it above and copy it by hand"; // the page is not on https, or the browser does not allow it
    }
    const words = button.lastChild;
    const before = words.textContent;
    words.textContent = said;
    setTimeout(() => { words.textContent = before; }, SHOWN_MS);
  });
})();
