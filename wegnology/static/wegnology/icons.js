// The theme draws icons with a font whose letters are words ("expand_more"): whoever listens to a page shall not hear them, unless
// nothing else says what a button is.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach((icon) => {
    const holder = icon.closest("a, button, [role=button]");
    const named = holder && (holder.title || holder.getAttribute("aria-label") || holder.getAttribute("aria-labelledby"));
    if (!holder || named || holder.textContent.trim() !== icon.textContent.trim()) { icon.setAttribute("aria-hidden", "true"); }
  });
});
