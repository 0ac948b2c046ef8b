// Copies the text of a button's data-copy, or of the element named in its data-copy-from, and says so: in the button for who sees
// it, in a status for who hears it. Without this file the text stands there to be selected.
document.addEventListener("DOMContentLoaded", () => {
  const SHOWN_MS = 1500;
  const buttons = [...document.querySelectorAll("[data-copy], [data-copy-from]")];
  if (!buttons.length) { return; }

  const told = document.createElement("p"); // it has to be there before something is said in it
  told.setAttribute("role", "status");
  told.className = "wg-heard";
  document.body.append(told);

  const sourceOf = (button) => document.getElementById(button.dataset.copyFrom ?? "");

  const select = (source, words) => {
    window.getSelection().selectAllChildren(source);
    source.focus();
    return words.selected;
  };

  const copy = async (button) => {
    const source = sourceOf(button);
    try {
      await navigator.clipboard.writeText(source ? source.textContent : button.dataset.copy);
      return button.dataset.copied;
    } catch { // the page is not on https, or the browser does not allow it
      return source ? select(source, button.dataset) : button.dataset.select;
    }
  };

  buttons.forEach((button) => {
    const words = button.lastChild;
    const before = words.textContent;
    let timer = 0;
    button.hidden = false;
    button.addEventListener("click", async () => {
      told.textContent = "";
      const said = await copy(button);
      words.textContent = said;
      told.textContent = said;
      clearTimeout(timer);
      timer = setTimeout(() => { words.textContent = before; }, SHOWN_MS);
    });
  });
});
