// Follows the last messages of an integration: what is new comes on top, what changed is replaced, nothing else moves.
// Without this file the page is what it was when it was loaded.
(() => {
  "use strict";

  const EVERY_MS = 1000;
  const SLOWER_MS = 5000;

  const start = (list) => {
    const box = document.querySelector("[data-follow]");
    const wanted = box.querySelector("input");
    const says = document.querySelector("[data-follow-says]");
    const none = document.querySelector("[data-no-messages]");
    let place = list.dataset.place;
    let fresh = 0;

    const element = (html) => {
      const holder = document.createElement("template");
      holder.innerHTML = html.trim(); // made by the server, which escapes
      return holder.content.firstElementChild;
    };

    const show = (rows) => {
      const known = new Map([...list.children].map((item) => [item.dataset.message, item]));
      let before = null;
      for (const row of rows) {
        const old = known.get(row.id);
        known.delete(row.id);
        let item = old;
        if (!old || (old.innerHTML !== element(row.html).innerHTML && !old.contains(document.activeElement))) {
          item = element(row.html);
          if (old) old.replaceWith(item);
          else fresh += 1;
        }
        const next = before ? before.nextElementSibling : list.firstElementChild;
        if (next !== item) list.insertBefore(item, next);
        before = item;
      }
      for (const gone of known.values()) gone.remove();
      none.hidden = rows.length > 0;
      if (fresh) says.textContent = says.dataset.new.replace("{count}", fresh);
    };

    const look = async () => {
      let pause = EVERY_MS;
      if (wanted.checked && !document.hidden) {
        try {
          const answer = await fetch(`${list.dataset.messages}&place=${encodeURIComponent(place)}`, { credentials: "same-origin" });
          if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
          const found = await answer.json();
          place = found.place;
          if (found.rows) show(found.rows);
        } catch (error) {
          says.textContent = says.dataset.lost;
          pause = SLOWER_MS;
        }
      }
      setTimeout(look, pause);
    };

    box.hidden = false;
    setTimeout(look, EVERY_MS);
  };

  document.addEventListener("DOMContentLoaded", () => {
    const list = document.querySelector("[data-messages]");
    if (list) start(list);
  });
})();
