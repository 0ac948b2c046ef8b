// Keeps the columns of a list true while it stands open: asks every five seconds, as long as somebody looks.
document.addEventListener("DOMContentLoaded", () => {
  const EVERY_MS = 5000;
  const cells = [...document.querySelectorAll("[data-live-row]")];
  const ids = [...new Set(cells.map((cell) => cell.dataset.liveRow))];
  if (!ids.length) { return; }
  const address = new URL("live/", window.location.href.split("?")[0]);
  ids.forEach((id) => address.searchParams.append("id", id));
  const look = async () => {
    if (!document.hidden) {
      try {
        const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        if (answer.redirected || answer.status === 403) { return; } // logged out: the page keeps what it last knew
        if (answer.ok) {
          const { rows } = await answer.json();
          cells.forEach((cell) => {
            const html = rows[cell.dataset.liveRow]?.[cell.dataset.live];
            if (html !== undefined && cell.innerHTML !== html) { cell.innerHTML = html; } // made by the server, which escapes
          });
        }
        document.body.classList.toggle("wg-stale", !answer.ok);
      } catch {
        document.body.classList.add("wg-stale");
      }
    }
    window.setTimeout(look, EVERY_MS);
  };
  window.setTimeout(look, EVERY_MS);
});
