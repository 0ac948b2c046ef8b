// Pictures of workflows: choose a box to see its settings; drag to move, the wheel with Ctrl or the buttons to zoom, arrow keys to walk.
document.addEventListener("DOMContentLoaded", () => {
  const watch = (figure) => {
    const svg = figure.querySelector("svg[data-graph]");
    const details = figure.querySelector("[data-graph-details]");
    if (!svg) { return; }
    const whole = svg.viewBox.baseVal;
    const full = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
    const boxes = [...svg.querySelectorAll("[data-box]")];
    const show = (view) => { Object.assign(whole, view); };
    const zoom = (factor, at) => {
      const width = Math.min(Math.max(whole.width / factor, 120), full.width * 3);
      const scale = width / whole.width;
      const x = at ? at.x : whole.x + whole.width / 2;
      const y = at ? at.y : whole.y + whole.height / 2;
      show({ x: x - (x - whole.x) * scale, y: y - (y - whole.y) * scale, width, height: whole.height * scale });
    };
    const pointOf = (event) => {
      const point = new DOMPoint(event.clientX, event.clientY);
      return point.matrixTransform(svg.getScreenCTM().inverse());
    };
    const choose = (box) => {
      boxes.forEach((one) => one.classList.toggle("wg-chosen", one === box));
      details.querySelectorAll(".wg-node").forEach((one) => { one.classList.toggle("wg-chosen", one.id === box.dataset.box); });
      details.querySelector("[data-graph-hint]").hidden = true;
    };
    figure.classList.add("wg-live");
    figure.querySelector("[data-graph-tools]").hidden = false;
    figure.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => {
      if (button.dataset.zoom === "fit") { show(full); } else { zoom(Number(button.dataset.zoom)); }
    }));
    let from = null;
    let moved = false;
    svg.addEventListener("pointerdown", (event) => { from = pointOf(event); moved = false; });
    svg.addEventListener("pointermove", (event) => {
      if (!from || !event.buttons) { return; }
      const now = pointOf(event);
      if (!moved && Math.hypot(now.x - from.x, now.y - from.y) < 4) { return; }
      moved = true;
      show({ x: whole.x + from.x - now.x, y: whole.y + from.y - now.y, width: whole.width, height: whole.height });
    });
    window.addEventListener("pointerup", () => { from = null; });
    svg.addEventListener("dragstart", (event) => event.preventDefault());
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) { return; }
      event.preventDefault();
      zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15, pointOf(event));
    }, { passive: false });
    boxes.forEach((box, at) => {
      box.addEventListener("click", (event) => { event.preventDefault(); if (!moved) { choose(box); } });
      box.addEventListener("focus", () => choose(box));
      box.addEventListener("keydown", (event) => {
        const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
        const next = step && boxes[at + step];
        if (next) { event.preventDefault(); next.focus(); }
      });
    });
    const first = boxes.find((box) => box.matches(".wg-box-failed, .wg-box-faulty"));
    if (first) { choose(first); }
  };
  document.querySelectorAll(".wg-graph").forEach(watch);
});
