// Shows debug values as they come. Without this file the page has a link that loads it again.
(() => {
  "use strict";

  const EVERY_MS = 1000;
  const MOST = 200;
  const place = document.getElementById("wg-debug");
  if (!place) return;
  const pause = document.querySelector("[data-pause]");
  let held = false;
  let waitMs = EVERY_MS;

  const load = async () => {
    const address = `${place.dataset.hits}?after=${encodeURIComponent(place.dataset.last)}`;
    const answer = await fetch(address, { headers: { "X-Requested-With": "fetch" }, credentials: "same-origin" });
    if (answer.status === 503) return; // Redis is away: it is asked again
    if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
    const found = await answer.json();
    waitMs = found.watching ? EVERY_MS : 5 * EVERY_MS; // nothing new comes while nothing is recorded
    if (!found.hits.length || held) return;
    place.dataset.last = found.last;
    place.insertAdjacentHTML("afterbegin", found.html); // made by the server, which escapes
    document.querySelector("[data-none]")?.remove();
    while (place.children.length > MOST) place.lastElementChild.remove();
  };

  const follow = async () => {
    while (true) {
      if (!held && !document.hidden) await load();
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  };

  document.querySelectorAll("[data-without-script]").forEach((link) => { link.hidden = true; });
  if (pause) {
    pause.hidden = false;
    pause.addEventListener("click", () => {
      held = !held;
      pause.setAttribute("aria-pressed", String(held));
    });
  }
  follow().catch(() => {
    const line = document.createElement("p");
    line.className = "wg-note wg-danger";
    line.setAttribute("role", "alert");
    line.textContent = place.dataset.lost;
    place.before(line);
  });
})();
