// Shows a setting only while the settings named in its data-when have one of the values given there, or none of those under "not".
// Options of a select are offered while those named for them in its data-options-when have such values.
// Without this file every setting is shown, and the server decides which ones apply.
(() => {
  "use strict";

  // A part of a help text goes by itself, an input with its whole line.
  const row = (input) => input.classList.contains("wg-part") ? input : input.closest(".field-line") || input.parentElement;

  const valueOf = (name) => {
    const input = document.querySelector(`[name="${CSS.escape(name)}"]`);
    if (!input) return null;
    return input.type === "checkbox" ? String(input.checked) : input.value;
  };

  const fits = (value, values) => (Array.isArray(values) ? values.includes(value) : !values.not.includes(value));

  const holds = (when) =>
    Object.entries(when).every(([name, values]) => {
      const other = document.querySelector(`[name="${CSS.escape(name)}"]`);
      return fits(valueOf(name), values) && (!other || !other.dataset.when || applies(other));
    });

  const applies = (input) => holds(JSON.parse(input.dataset.when || "{}"));

  // What is selected stays selected: only the server refuses it, and says why.
  const offer = (select) => {
    const conditions = JSON.parse(select.dataset.optionsWhen);
    for (const option of select.options) {
      option.disabled = option.value in conditions && !option.selected && !holds(conditions[option.value]);
    }
  };

  const update = () => {
    for (const input of document.querySelectorAll("[data-when]")) {
      const line = row(input);
      line.hidden = !applies(input) && !line.classList.contains("errors");
    }
    document.querySelectorAll("[data-options-when]").forEach(offer);
    for (const fieldset of document.querySelectorAll("fieldset.module")) {
      const lines = [...fieldset.querySelectorAll(".field-line")];
      fieldset.classList.toggle("wg-none", lines.length > 0 && lines.every((line) => line.hidden));
    }
  };

  document.addEventListener("change", update);
  document.addEventListener("DOMContentLoaded", update);
})();
