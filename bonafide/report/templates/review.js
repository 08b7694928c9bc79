// Draws the charts, connects the pickers with charts and tables, and sorts tables.
"use strict";
{
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    // Expressions are interpreted: a notebook may forbid eval.
    ast: true,
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };
  const views = [];
  const holders = [...document.querySelectorAll("[data-spec]")];
  const pickers = [...document.querySelectorAll("[data-signal]")];

  const pick = (picker) => {
    const { signal } = picker.dataset;
    for (const view of views) {
      if (signal in view.getState().signals) view.signal(signal, picker.value).run();
    }
    if (signal !== "slice") return;
    // The first choice is the whole split: every row is shown.
    for (const row of document.querySelectorAll("tr[data-slice]")) {
      row.hidden = picker.selectedIndex > 0 && row.dataset.slice !== picker.value;
    }
  };

  const sort = (heading) => {
    const place = heading.cellIndex;
    const body = heading.closest("table").tBodies[0];
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentElement.cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const key = (row) => JSON.parse(row.cells[place].dataset.sort);
    const compare = (left, right) => {
      const [a, b] = [key(left), key(right)];
      if (a === null || b === null) return (a === null) - (b === null); // unknown is last
      const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b));
      return ascending ? order : -order;
    };
    body.append(...[...body.rows].sort(compare));
  };

  // In a notebook the page is in a frame, which becomes as high as its content.
  const fit = () => {
    try {
      const frame = window.frameElement;
      if (frame) frame.style.height = `${document.documentElement.scrollHeight + 8}px`;
    } catch {
      // A frame of another origin keeps its height, and scrolls.
    }
  };

  const draw = async (holder) => {
    const spec = JSON.parse(document.getElementById(holder.dataset.spec).textContent);
    try {
      views.push((await vegaEmbed(holder, spec, options)).view);
      holder.dataset.drawn = "";
    } catch (error) {
      holder.textContent = "This chart could not be drawn.";
      console.error(error);
    }
  };

  for (const heading of document.querySelectorAll(".sortable thead th")) {
    heading.querySelector("button").addEventListener("click", () => sort(heading));
  }
  for (const picker of pickers) picker.addEventListener("change", () => pick(picker));
  Promise.all(holders.map(draw)).then(() => {
    pickers.forEach(pick);
    fit();
    new ResizeObserver(fit).observe(document.body);
  });
}
