// Sends a test message without leaving the page, and shows what became of it.
// Without this file the form is sent as any other, and the page is loaded again until the outcome is there.
(() => {
  "use strict";

  const EVERY_MS = 400;
  let asked = 0; // only the newest message is shown

  const follow = async (place, address) => {
    const mine = ++asked;
    while (mine === asked) {
      const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" }, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const found = await answer.json();
      if (place.innerHTML !== found.html) place.innerHTML = found.html; // made by the server, which escapes
      if (found.over) return;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  };

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector("[data-trial]");
    const form = document.querySelector("form[data-send]");
    if (!place) return;
    if (place.dataset.trial) follow(place, place.dataset.trial).catch(() => {});
    form?.addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = form.querySelector("[type=submit]");
      button.disabled = true;
      try {
        const answer = await fetch(window.location.href, {
          method: "POST",
          body: new FormData(form),
          headers: { "X-Requested-With": "fetch" },
          credentials: "same-origin",
        });
        if (answer.status !== 202) {
          form.submit(); // something is to be corrected: the page says what
          return;
        }
        button.disabled = false;
        await follow(place, (await answer.json()).outcome);
      } catch {
        button.disabled = false;
        place.textContent = place.dataset.lost;
      }
    });
  });
})();
