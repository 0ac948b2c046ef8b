// Mends what the theme leaves out for who listens to a page, or uses it by keyboard alone.
document.addEventListener("DOMContentLoaded", () => {
  // Icons are drawn with a font whose letters are words ("expand_more"): they are not read, unless nothing else says what a button is.
  document.querySelectorAll(".material-symbols-outlined:not([aria-hidden])").forEach((icon) => {
    const holder = icon.closest("a, button, [role=button]");
    const named = holder && (holder.title || holder.getAttribute("aria-label") || holder.getAttribute("aria-labelledby"));
    if (!holder || named || holder.textContent.trim() !== icon.textContent.trim()) { icon.setAttribute("aria-hidden", "true"); }
  });

  // Links that lead nowhere are buttons: "Filters" of a list.
  document.querySelectorAll("a[x-on\\:click]:not([href])").forEach((link) => {
    link.setAttribute("role", "button");
    link.tabIndex = 0;
    link.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") { return; }
      event.preventDefault();
      link.click();
    });
  });
});
