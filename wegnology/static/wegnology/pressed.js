// Goes to the run of a press when it is there. Without this file the page has a link that looks again.
(() => {
  "use strict";

  const EVERY_MS = 700;
  const LATE_MS = 15000;

  const follow = async () => {
    const begun = Date.now();
    while (true) {
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      if (document.hidden) continue;
      const answer = await fetch(window.location.href, { credentials: "same-origin" }).catch(() => null);
      if (answer?.redirected) {
        window.location.replace(answer.url);
        return;
      }
      if (Date.now() - begun > LATE_MS) document.querySelector("[data-late]").hidden = false;
    }
  };

  if (document.querySelector("[data-pressed]")) follow();
})();
