// Forms with `data-submit-on-change` are sent when something is chosen; their button is for who has no scripts.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("form[data-submit-on-change]").forEach((form) => {
    form.querySelectorAll("[data-without-script]").forEach((button) => { button.hidden = true; });
    form.addEventListener("change", () => form.submit());
  });
});
