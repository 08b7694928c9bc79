// Draws the charts. Without this script the page is complete but for them.
"use strict";
{
  const options = {
    mode: "vega-lite",
    renderer: "svg",
    actions: false,
    // Expressions are interpreted: the page's policy forbids eval.
    ast: true,
    // style.css dresses the charts and the tooltip, in light and in dark.
    defaultStyle: false,
    tooltip: { disableDefaultStyle: true },
  };

  const draw = async (holder) => {
    const spec = JSON.parse(document.getElementById(holder.dataset.spec).textContent);
    try {
      await vegaEmbed(holder, spec, options);
      holder.dataset.drawn = "";
    } catch (error) {
      holder.textContent = "This chart could not be drawn; the table below has its data.";
      console.error(error);
    }
  };

  document.querySelectorAll("[data-spec]").forEach(draw);
}
