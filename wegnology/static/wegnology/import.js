// Takes files that are dropped anywhere on the import page, beside those that are chosen, and shows what is going to be sent.
// Without this file the field for files is what it is.
document.addEventListener("DOMContentLoaded", () => {
  const zone = document.querySelector("[data-drop]");
  const input = zone?.querySelector("input[type=file]");
  if (!input) { return; }
  const list = zone.querySelector("[data-dropped]");
  const says = zone.querySelector("[data-drop-says]");
  const sent = zone.querySelector("[data-kept]");

  const size = (bytes) => {
    if (bytes < 1024) { return `${bytes} B`; }
    return bytes < 1048576 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / 1048576).toFixed(1)} MiB`;
  };

  const put = (files) => {
    const all = new DataTransfer(); // the only way to put files into a field
    files.forEach((file) => all.items.add(file));
    input.files = all.files;
    show();
  };

  const line = (file, at) => {
    const item = document.createElement("li");
    const name = document.createElement("span");
    name.textContent = file.name;
    const bytes = document.createElement("span");
    bytes.className = "wg-detail";
    bytes.textContent = size(file.size);
    const remove = document.createElement("button");
    remove.type = "button";
    remove.className = "wg-button";
    remove.textContent = zone.dataset.remove;
    remove.setAttribute("aria-label", `${zone.dataset.remove} ${file.name}`);
    remove.addEventListener("click", () => {
      put([...input.files].filter((_, place) => place !== at));
      (list.querySelectorAll("button")[Math.min(at, input.files.length - 1)] ?? input).focus();
    });
    item.append(name, bytes, remove);
    return item;
  };

  const show = (note = "") => {
    const files = [...input.files];
    const most = Number(zone.dataset.most);
    const together = files.reduce((sum, file) => sum + file.size, 0);
    list.replaceChildren(...files.map(line));
    list.hidden = !files.length;
    if (sent) { sent.hidden = files.length > 0; }
    const large = together > most ? `${zone.dataset.large} ${size(together)} / ${size(most)}.` : "";
    const chosen = files.length ? `${zone.dataset.chosen}: ${files.length}.` : "";
    says.textContent = [note, chosen, large].filter(Boolean).join(" ");
    says.classList.toggle("wg-danger", Boolean(large || note));
  };

  const holdsFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

  let over = 0; // dragging over what is inside of an element leaves the element: enters and leaves are counted
  const light = (by) => {
    over = Math.max(0, over + by);
    zone.classList.toggle("wg-over", over > 0);
  };

  window.addEventListener("dragenter", (event) => { if (holdsFiles(event)) { light(1); } });
  window.addEventListener("dragleave", (event) => { if (holdsFiles(event)) { light(-1); } });
  window.addEventListener("dragover", (event) => {
    if (!holdsFiles(event)) { return; }
    event.preventDefault(); // else the browser would open the file in place of the page
    event.dataTransfer.dropEffect = "copy";
  });
  window.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) { return; }
    event.preventDefault();
    light(-over);
    const folders = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry?.isDirectory);
    const names = new Set(folders.map((entry) => entry.name));
    const dropped = [...event.dataTransfer.files].filter((file) => !names.has(file.name));
    const fresh = new Set(dropped.map((file) => file.name));
    put([...[...input.files].filter((file) => !fresh.has(file.name)), ...dropped]); // a file dropped again replaces itself
    if (folders.length) { show(zone.dataset.folder); }
  });

  input.addEventListener("change", () => show());
  zone.querySelector("[data-drop-hint]").hidden = false;
  show(); // a browser that comes back to the page keeps the files
});
