// The page of a folder of sweeps: their best so far on one chart, and a table.
"use strict";

const kPollMs = 2000;
const kColours = ["#0b63b0", "#c2410c", "#2e9e5b", "#8e44ad", "#b8860b", "#c2185b", "#0f8b8d", "#6b7280"];
let sweeps = [];
let shown = "";  // what was drawn, to draw it again only when it changes
const hidden = new Set();  // names that the reader took out of the chart

const colourOf = (name) => kColours[sweeps.findIndex((each) => each.name === name) % kColours.length];

function drawCompare() {
  const metric = $("metric").value;
  const by = $("by").value;
  const drawn = sweeps.filter((each) => !each.error && !hidden.has(each.name) && `${each.goal} ${each.metric}` === metric && each.curve.best.length > 0);
  const signature = JSON.stringify([metric, by, drawn.map((each) => [each.name, each.curve])]);
  if (signature === shown) return;
  shown = signature;
  const t = theme();
  const traces = drawn.map((each) => ({
    x: each.curve[by], y: each.curve.best, type: "scatter", mode: each.curve.best.length > 1 ? "lines" : "markers", name: plotlyText(each.name), showlegend: true,
    line: { shape: "hv", width: 2, color: colourOf(each.name) }, marker: { color: colourOf(each.name), size: 8 }, text: plotlyText(each.name), hovertemplate: "%{text}<br>%{x}: %{y:.5g}<extra></extra>",
  }));
  draw($("compare"), traces, layout(t, { showlegend: true, legend: { orientation: "h", y: 1.02, yanchor: "bottom" }, uirevision: metric + by, margin: { l: 56, r: 14, t: 40, b: 44 },
                                         xaxis: axis(t, by === "trials" ? "trials that ended" : "seconds"), yaxis: axis(t, drawn.length ? plotlyText(drawn[0].metric) : "") }));
  $("compare-summary").textContent = `The best ${drawn.length ? drawn[0].metric : "metric"} of each of ${drawn.length} sweeps until then; what a trial reached counts when it has ended.`;
  document.documentElement.dataset.drawn = String(drawn.length);
}

function fillList() {
  $("list").replaceChildren(...sweeps.map((each) => {
    const box = make("input", { type: "checkbox", checked: !hidden.has(each.name), "aria-label": `Show ${shorten(each.name, 80)} in the chart` });
    box.addEventListener("change", () => {
      if (box.checked) hidden.delete(each.name);
      else hidden.add(each.name);
      drawCompare();
    });
    const link = make("a", { href: `sweep/${each.name.split("/").map(encodeURIComponent).join("/")}/${location.hash}` }, each.display_name ? `${each.name} (${shorten(each.display_name, 60)})` : each.name);
    if (each.error) return make("tr", {}, make("td", {}, ""), make("td", {}, each.name), make("td", { colSpan: 9 }, each.error));
    const state = each.is_training ? "running" : each.state === "running" ? "killed" : each.state;
    const number = (text) => make("td", { className: "number" }, text);
    const mark = make("span", {}, "● ");
    mark.style.color = colourOf(each.name);
    return make("tr", {}, make("td", {}, box), make("td", {}, mark, link), make("td", {}, state), make("td", {}, `${each.goal === "maximize" ? "max" : "min"} ${shorten(each.metric, 60)}`),
                number(each.best ? formatNumber(each.best.value) : ""), number(each.best && each.best.test_metric !== null ? formatNumber(each.best.test_metric) : ""),
                number(`${formatCount(each.started)} of ${formatCount(each.n_trials)}`), number(formatCount(each.stopped)), number(formatPercent(each.savings)),
                number(formatDuration(each.elapsed_s)), make("td", {}, each.start.slice(0, 16)));
  }));
}

function fillMetrics() {
  const metrics = [...new Set(sweeps.filter((each) => !each.error).map((each) => `${each.goal} ${each.metric}`))];
  const before = $("metric").value;
  if (JSON.stringify(metrics) === JSON.stringify([...$("metric").options].map((option) => option.value))) return;
  $("metric").replaceChildren(...metrics.map((metric) => make("option", { value: metric }, shorten(metric, 60))));
  if (metrics.includes(before)) $("metric").value = before;
}

let listed = "";

async function poll() {
  try {
    const text = await (await fetch("sweeps.json")).text();
    $("live-text").textContent = "";
    if (text !== listed) {
      listed = text;
      sweeps = JSON.parse(text);
      const running = sweeps.filter((each) => each.is_training).length;
      $("live-text").textContent = running > 0 ? `${running} running` : "";
      fillMetrics();
      if (!$("list").contains(document.activeElement)) fillList();
      drawCompare();
    }
  } catch {
    $("live-text").textContent = "The server cannot be reached; trying again.";
  }
  setTimeout(poll, kPollMs);
}

(async () => {
  await loadPlotly();
  for (const id of ["metric", "by"]) $(id).addEventListener("change", drawCompare);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    shown = "";
    drawCompare();
  });
  poll();
})();
