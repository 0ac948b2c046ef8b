// Checks what is typed in the form without leaving it, and shows the steps as they come.
// Without this file the button leads to a page that looks again every second.
(() => {
  "use strict";

  const EVERY_MS = 300;
  let asked = 0; // only the newest check is shown

  const show = (place, html) => {
    if (place.innerHTML !== html) place.innerHTML = html; // made by the server, which escapes
  };

  const say = (place, text) => {
    const line = document.createElement("p");
    line.className = "wg-note wg-danger";
    line.textContent = text;
    place.replaceChildren(line);
  };

  const poll = async (place, address, mine) => {
    while (mine === asked) {
      const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" }, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      const found = await answer.json();
      if (mine !== asked) return;
      show(place, found.html);
      if (found.over) return;
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  };

  const check = async (button, place) => {
    const mine = ++asked;
    place.scrollIntoView({ block: "nearest", behavior: "smooth" });
    place.setAttribute("aria-busy", "true");
    try {
      const answer = await fetch(button.formAction, {
        method: "POST",
        body: new FormData(button.form),
        headers: { "X-Requested-With": "fetch" },
        credentials: "same-origin",
      });
      if (answer.redirected || ![202, 422].includes(answer.status)) throw new Error(String(answer.status));
      const found = await answer.json();
      if (found.html) show(place, found.html);
      else await poll(place, found.steps, mine);
    } catch (error) {
      if (mine === asked) say(place, place.dataset.lost);
    }
    place.removeAttribute("aria-busy");
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-check]");
    const place = document.getElementById("wg-check-result");
    if (!button || !place || !button.form) return;
    event.preventDefault();
    check(button, place);
  });

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.getElementById("wg-check-result");
    if (place && place.dataset.steps) poll(place, place.dataset.steps, asked).catch(() => {});
  });
})();
