// What both pages begin with.
"use strict";

const $ = (id) => document.getElementById(id);
let hasPlotly = false;

/** plotly.js is in the page packed: a third of its size. */
async function loadPlotly() {
  const binary = atob($("plotly-gz").textContent);
  const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
  const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  document.head.append(make("script", { textContent: text }));
  hasPlotly = typeof Plotly !== "undefined";
}
