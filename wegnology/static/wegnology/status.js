// Keeps the state of a connection true while its page stands open: asks every three seconds, as long as somebody looks.
// Without this file the state is what it was when the page was loaded.
(() => {
  "use strict";

  const EVERY_MS = 3000;
  const SLOWER_MS = 10000;

  const follow = (place, state) => {
    const look = async () => {
      let pause = EVERY_MS;
      if (!document.hidden) {
        try {
          const answer = await fetch(place.dataset.connection, { headers: { Accept: "application/json" }, credentials: "same-origin" });
          if (answer.redirected || answer.status === 403) return; // logged out: the page keeps what it last knew
          if (!answer.ok) throw new Error(String(answer.status));
          const found = await answer.json();
          if (state.innerHTML !== found.badge) state.innerHTML = found.badge; // made by the server, which escapes; read aloud when it changes
          if (place.innerHTML !== found.html) place.innerHTML = found.html;
          place.classList.remove("wg-old");
        } catch {
          place.classList.add("wg-old");
          pause = SLOWER_MS;
        }
      }
      setTimeout(look, pause);
    };
    setTimeout(look, EVERY_MS);
  };

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector("[data-connection]");
    const state = document.querySelector("[data-state]");
    if (place && state) follow(place, state);
  });
})();
