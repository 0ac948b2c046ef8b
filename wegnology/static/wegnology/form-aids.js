// Helps whoever fills in a form: a port follows its protocol until it is edited, templates are completed with the application's
// globals, keys and certificates are read from files, rows of topics grow and are judged. Without this file everything is typed.
(() => {
  "use strict";

  // -- a value that follows another field, until somebody edits it

  const followOther = (input) => {
    for (const [name, values] of Object.entries(JSON.parse(input.dataset.follows))) {
      const other = document.querySelector(`[name="${CSS.escape(name)}"]`);
      if (!other) continue;
      let before = values[other.value];
      if (!input.value && before !== undefined) input.value = before;
      other.addEventListener("change", () => {
        const now = values[other.value];
        if (now !== undefined && (!input.value || input.value === before)) input.value = now;
        before = now;
      });
    }
  };

  // -- files into fields

  const LARGEST = 65536;

  const offerFile = (area) => {
    const file = document.createElement("input"); // never in the page: the theme takes those for its own
    file.type = "file";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "wg-button wg-after";
    button.textContent = area.dataset.upload;
    const label = document.querySelector(`label[for="${CSS.escape(area.id)}"]`);
    if (label) button.setAttribute("aria-label", `${area.dataset.upload}: ${label.textContent.replace("*", "").trim()}`);
    const says = document.createElement("span");
    says.className = "wg-detail";
    says.setAttribute("role", "status");
    const line = document.createElement("p");
    line.className = "wg-row wg-wraps";
    line.append(button, says);
    area.after(line);
    button.addEventListener("click", () => file.click());
    file.addEventListener("change", async () => {
      const [chosen] = file.files;
      if (!chosen) return;
      if (chosen.size > LARGEST) {
        says.textContent = area.dataset.large.replace("{name}", chosen.name);
      } else {
        area.value = await chosen.text();
        area.dispatchEvent(new Event("change", { bubbles: true }));
        says.textContent = area.dataset.read.replace("{name}", chosen.name);
      }
      file.value = "";
    });
  };

  // -- rows of texts

  const growRows = (box) => {
    const name = box.dataset.textRows;
    const first = box.querySelector("input");
    if (!first) return;
    const base = first.id.replace(/-0$/, "");
    const called = first.getAttribute("aria-label").replace(/ 1$/, "");
    const inputs = () => [...box.querySelectorAll("input")];

    const addRow = () => {
      const at = inputs().length;
      const row = box.lastElementChild.cloneNode(true);
      const input = row.querySelector("input");
      const fault = row.querySelector(".wg-fault");
      Object.assign(input, { id: `${base}-${at}`, name: `${name}-${at}`, value: "" });
      input.setAttribute("aria-label", `${called} ${at + 1}`);
      input.setAttribute("aria-describedby", `${base}-${at}-fault`);
      input.removeAttribute("aria-invalid");
      fault.id = `${base}-${at}-fault`;
      fault.textContent = "";
      box.append(row);
    };

    const judge = async () => {
      const filled = inputs().filter((input) => input.value.trim());
      const address = new URL(box.dataset.judge, window.location.href);
      filled.forEach((input) => address.searchParams.append("topic", input.value.trim()));
      if (address.href.length > 6000) return; // the server says it when the form is sent
      let faults = {};
      try {
        const answer = await fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" });
        if (!answer.ok || answer.redirected) return;
        ({ faults } = await answer.json());
      } catch {
        return;
      }
      inputs().forEach((input) => {
        const text = faults[String(filled.indexOf(input))] ?? "";
        const place = document.getElementById(`${input.id}-fault`);
        if (place.textContent !== text) place.textContent = text;
        if (text) input.setAttribute("aria-invalid", "true");
        else input.removeAttribute("aria-invalid");
      });
    };

    box.addEventListener("input", () => {
      if (inputs().at(-1).value) addRow();
    });
    if (box.dataset.judge) box.addEventListener("change", judge);
  };

  // -- templates

  const OPEN = /\{\{\s*([\w.-]*)$/;
  const SHOWN = 8;
  const known = new Map();

  const globalsFor = async (input) => {
    const chosen = document.querySelector("[name=application]");
    const application = input.dataset.application || (chosen ? chosen.value : "");
    if (!application) return [];
    if (!known.has(application)) {
      const address = new URL(input.dataset.globals, window.location.href);
      address.searchParams.set("application", application);
      const asked = fetch(address, { headers: { Accept: "application/json" }, credentials: "same-origin" })
        .then((answer) => (answer.ok && !answer.redirected ? answer.json() : { globals: [] }))
        .then((found) => found.globals)
        .catch(() => []);
      known.set(application, asked);
    }
    return known.get(application);
  };

  const list = document.createElement("ul");
  list.className = "wg-complete";
  list.id = "wg-complete";
  list.setAttribute("role", "listbox");
  list.hidden = true;
  let at = 0;
  let owner = null;

  const mark = (next) => {
    const options = [...list.children];
    at = (next + options.length) % options.length;
    options.forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
    options[at].scrollIntoView({ block: "nearest" });
    owner.setAttribute("aria-activedescendant", options[at].id);
  };

  const close = () => {
    list.hidden = true;
    list.replaceChildren();
    owner?.removeAttribute("aria-activedescendant");
    owner?.removeAttribute("aria-controls");
    owner = null;
  };

  const take = (name) => {
    const input = owner;
    const caret = input.selectionStart;
    const before = input.value.slice(0, caret).replace(OPEN, `{{${name}}}`);
    const after = input.value.slice(caret).replace(/^\s*\}\}/, "");
    input.value = before + after;
    input.setSelectionRange(before.length, before.length);
    close();
    input.focus();
  };

  const option = ({ name, value }, place) => {
    const item = document.createElement("li");
    item.id = `wg-complete-${place}`;
    item.setAttribute("role", "option");
    const said = document.createElement("code");
    said.textContent = name;
    const gives = document.createElement("span");
    gives.className = "wg-detail";
    gives.textContent = value;
    item.append(said, gives);
    item.addEventListener("mousedown", (event) => {
      event.preventDefault();
      take(name);
    });
    return item;
  };

  const complete = async (input) => {
    const asked = OPEN.exec(input.value.slice(0, input.selectionStart));
    if (!asked) return close();
    const found = await globalsFor(input);
    const still = OPEN.exec(input.value.slice(0, input.selectionStart));
    if (!still || document.activeElement !== input) return close();
    const part = still[1].toLowerCase();
    const fitting = found.filter(({ name }) => name.toLowerCase().includes(part) && name !== still[1]).slice(0, SHOWN);
    if (!fitting.length) return close();
    owner = input;
    list.replaceChildren(...fitting.map(option));
    const place = input.getBoundingClientRect();
    list.style.left = `${place.left}px`;
    list.style.top = `${place.bottom + 2}px`;
    list.style.minWidth = `${Math.min(place.width, 320)}px`;
    list.hidden = false;
    input.setAttribute("aria-controls", list.id);
    return mark(0);
  };

  const onKey = (event) => {
    if (list.hidden || event.target !== owner) return;
    const acts = {
      ArrowDown: () => mark(at + 1),
      ArrowUp: () => mark(at - 1),
      Enter: () => take(list.children[at].querySelector("code").textContent),
      Tab: () => take(list.children[at].querySelector("code").textContent),
      Escape: close,
    };
    if (!acts[event.key]) return;
    event.preventDefault();
    event.stopPropagation();
    acts[event.key]();
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-follows]").forEach(followOther);
    document.querySelectorAll("textarea[data-upload]").forEach(offerFile);
    document.querySelectorAll("[data-text-rows]").forEach(growRows);
    const templated = document.querySelectorAll("[data-globals]");
    if (!templated.length) return;
    list.setAttribute("aria-label", templated[0].dataset.globalsWords);
    document.body.append(list);
    templated.forEach((input) => {
      input.setAttribute("aria-autocomplete", "list");
      input.setAttribute("autocomplete", input.getAttribute("autocomplete") || "off");
      input.addEventListener("input", () => complete(input));
      input.addEventListener("keydown", onKey);
      input.addEventListener("blur", close);
    });
    window.addEventListener("scroll", () => !list.hidden && close(), { passive: true, capture: true });
  });
})();
