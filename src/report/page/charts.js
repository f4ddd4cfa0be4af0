// The charts, by plotly.js. Each function draws what the sweep selects into an element; texts of users are escaped here.
"use strict";

const kMaxLines = 400;         // learning curves drawn one by one
const kMaxEnds = 1500;         // marks of stopped trials
const kMaxSvgPoints = 3000;    // above, WebGL draws points
const kMaxParallel = 1000;     // lines of parallel coordinates
const kMaxAxes = 12;           // of parallel coordinates, unless chosen
const kShades = 8;

/** Plotly reads a little HTML in its texts: what users wrote must not be read so. */
function plotlyText(text, n = 40) {
  return shorten(text.replace(/\s+/g, " "), n).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
}

/** Texts of 3-D axes know a few tags and no entities. */
const plotlyText3d = (text, n = 40) => shorten(text.replace(/\s+/g, " "), n).replace(/</g, "<\u200b");

const hasWebGl = (() => {
  try {
    return Boolean(document.createElement("canvas").getContext("webgl"));
  } catch {
    return false;
  }
})();

function theme() {
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  return {
    card: get("--card"), ink: get("--ink"), soft: get("--soft"), line: get("--line"), accent: get("--accent"), mark: get("--mark"),
    grey: get("--grey"), best: get("--best"), band: (alpha) => `rgba(${get("--band")}, ${alpha})`,
    // From the worst to the best.
    scale: dark ? [[0, "#3d3560"], [0.35, "#7a3f83"], [0.7, "#d8576b"], [1, "#ffd07a"]]
                : [[0, "#d9dd8f"], [0.35, "#6fc2a0"], [0.7, "#2a7fb8"], [1, "#1b1f6b"]],
  };
}

function mix(scale, at) {
  const hex = (text) => [1, 3, 5].map((i) => parseInt(text.slice(i, i + 2), 16));
  let k = 1;
  while (k < scale.length - 1 && scale[k][0] < at) ++k;
  const [[x0, a], [x1, b]] = [scale[k - 1], scale[k]];
  const part = Math.min(1, Math.max(0, (at - x0) / (x1 - x0)));
  return "rgb(" + hex(a).map((x, i) => Math.round(x + part * (hex(b)[i] - x))).join(",") + ")";
}

function layout(t, extra) {
  return {
    paper_bgcolor: t.card, plot_bgcolor: t.card, font: { color: t.ink, size: 12, family: "system-ui, sans-serif" },
    margin: { l: 56, r: 14, t: 10, b: 44 }, showlegend: false, hovermode: "closest", uirevision: "kept",
    hoverlabel: { bgcolor: t.card, bordercolor: t.line, font: { color: t.ink }, align: "left" }, ...extra,
  };
}

// plotly would offer to upload a chart to its makers: not from here.
const kConfig = { displaylogo: false, showSendToCloud: false, plotlyServerURL: "", responsive: true, displayModeBar: innerWidth > 700 ? "hover" : false, doubleClickDelay: 400,
                  modeBarButtonsToRemove: ["select2d", "lasso2d", "toImage", "hoverClosestCartesian", "hoverCompareCartesian"] };

function axis(t, title, extra = {}) {
  return { title: { text: title, standoff: 6 }, gridcolor: t.line, zerolinecolor: t.line, linecolor: t.line, automargin: true, ...extra };
}

/** An axis of a column in a 2-D or 3-D chart: plotly's own logarithmic axes, ticks at categories. */
function columnAxis(t, column, rows, is3d) {
  const asText = is3d ? plotlyText3d : plotlyText;
  const title = asText(column.label);
  const extra = is3d ? { showbackground: false } : {};
  if (column.kind === "category") {
    return axis(t, title, { tickvals: column.categories.map((_, i) => i), ticktext: column.categories.map((each) => asText(each, 18)),
                            range: [-0.5, column.categories.length - 0.5], ...extra });
  }
  if (!column.log) return axis(t, title, extra);
  let low = Infinity, high = 0;
  for (const row of rows) {
    low = Math.min(low, column.value(row));
    high = Math.max(high, column.value(row));
  }
  return axis(t, title, { type: "log", exponentformat: "power", ...(high > 30 * low ? { dtick: 1 } : {}), ...extra });
}

const message = (element, text) => {
  if (element.classList.contains("js-plotly-plot")) Plotly.purge(element);
  element.textContent = text;
};

/** Plotly keeps what it drew before in the element; a message must go first. */
function draw(element, traces, chartLayout, config = {}) {
  if (!element.classList.contains("js-plotly-plot")) element.textContent = "";
  return Plotly.react(element, traces, chartLayout, { ...kConfig, ...config });
}

/** A y axis that shows where most trials are: a loss of 1e6 of one of them would flatten all others. */
function metricAxis(t, sweep, drawn, extra = {}) {
  const values = drawn.filter(Number.isFinite).sort((a, b) => a - b);
  const title = plotlyText(sweep.head.metric);
  if (values.length === 0) return axis(t, title, extra);
  const low = values[0], high = values[values.length - 1];
  if (sweep.byKey.get("value").log && low > 0) return axis(t, title, { type: "log", exponentformat: "power", ...extra });
  const [usualLow, usualHigh] = sweep.maximize ? [quantile(values, 0.02), high] : [low, quantile(values, 0.98)];
  const room = usualHigh - usualLow;
  const cut = sweep.maximize ? usualLow - low > 2 * room : high - usualHigh > 2 * room;
  if (!cut || room <= 0) return axis(t, title, extra);
  return axis(t, title, { range: [usualLow - 0.06 * room, usualHigh + 0.06 * room], ...extra });
}

/** The rows whose curves are drawn: the best, and others evenly over the rest. */
function drawnRows(sweep, limit) {
  const rows = [];
  for (let row = 0; row < sweep.n; ++row) if (sweep.selected[row] && sweep.lengths[row] > 0) rows.push(row);
  return { rows: evenly(rows, limit, sweep.best()), of: rows.length };
}

/** Reports of a row as plotted points; what is not finite is a gap. */
function curve(sweep, row) {
  const x = [], y = [];
  const values = sweep.curves[row];
  for (let j = 0; j < values.length; ++j) {
    x.push(sweep.intervalOf(row, j));
    y.push(Number.isFinite(values[j]) ? values[j] : null);
  }
  return { x, y };
}

/** A mark at the end of every stopped and every diverged trial of `rows`. */
function endMarks(sweep, t, rows) {
  const marks = { stopped: { x: [], y: [], text: [], customdata: [] }, diverged: { x: [], y: [], text: [], customdata: [] } };
  const step = Math.max(1, Math.ceil(rows.length / kMaxEnds));
  for (let k = 0; k < rows.length; k += step) {
    const row = rows[k];
    const mark = marks[sweep.trials.state[row]];
    if (!mark) continue;
    const values = sweep.curves[row];
    let last = values.length - 1;
    while (last >= 0 && !Number.isFinite(values[last])) --last;
    if (last < 0) continue;
    mark.x.push(sweep.lengths[row]);
    mark.y.push(values[last]);
    mark.customdata.push(row);
    mark.text.push(`trial ${sweep.trials.number[row]}: ${plotlyText(sweep.trials.reason[row], 90)}`);
  }
  return Object.entries(marks).filter(([, mark]) => mark.x.length > 0).map(([state, mark]) => ({
    ...mark, type: "scatter", mode: "markers", name: state, hoverinfo: "text", showlegend: true,
    marker: { symbol: state === "stopped" ? "line-ns-open" : "x-thin-open", size: state === "stopped" ? 9 : 7, color: state === "stopped" ? t.ink : t.mark,
              opacity: rows.length > 200 ? 0.5 : 0.85, line: { width: 1.6 } },
  }));
}

/** Best of all selected trials up to each kept interval. */
function bestSoFar(sweep) {
  const best = [];
  for (let row = 0; row < sweep.n; ++row) {
    if (!sweep.selected[row]) continue;
    const values = sweep.curves[row];
    for (let j = 0; j < values.length; ++j) {
      if (Number.isFinite(values[j]) && (best[j] === undefined || sweep.isBetter(values[j], best[j]))) best[j] = values[j];
    }
  }
  const x = [], y = [];
  for (let j = 0; j < best.length; ++j) {
    if (j > 0 && (best[j] === undefined || sweep.isBetter(best[j - 1], best[j]))) best[j] = best[j - 1];
    if (best[j] === undefined) continue;
    x.push(1 + j * sweep.stride);
    y.push(best[j]);
  }
  return { x, y };
}

function bestLine(sweep, t) {
  return { ...bestSoFar(sweep), type: "scatter", mode: "lines", name: "best so far", showlegend: true, line: { color: t.best, width: 2.4, shape: "hv" },
           hovertemplate: "best up to interval %{x}: %{y:.5g}<extra></extra>" };
}

function highlightLine(sweep, t) {
  const row = sweep.highlight;
  if (row < 0 || !sweep.curves[row].length) return [];
  return [{ ...curve(sweep, row), type: "scatter", mode: "lines+markers", name: `trial ${sweep.trials.number[row]}`, showlegend: true,
            line: { color: t.ink, width: 2.4 }, marker: { size: 4 }, hovertemplate: `trial ${sweep.trials.number[row]}<br>interval %{x}: %{y:.5g}<extra></extra>` }];
}

function lineTraces(sweep, t, rows) {
  const shades = Array.from({ length: kShades }, () => ({ x: [], y: [], customdata: [], text: [] }));
  for (const row of rows) {
    const shade = shades[Math.min(kShades - 1, Math.floor(sweep.shade[row] * kShades))];
    const line = curve(sweep, row);
    for (let j = 0; j < line.x.length; ++j) {
      shade.x.push(line.x[j]);
      shade.y.push(line.y[j]);
      shade.customdata.push(row);
      shade.text.push(sweep.trials.number[row]);
    }
    shade.x.push(null);
    shade.y.push(null);
    shade.customdata.push(-1);
    shade.text.push("");
  }
  return shades.map((shade, i) => ({
    ...shade, type: "scatter", mode: sweep.lengths.every((n) => n <= 1) ? "markers" : "lines", connectgaps: false,
    line: { color: mix(t.scale, (i + 0.5) / kShades), width: rows.length > 100 ? 1 : 1.4 }, marker: { color: mix(t.scale, (i + 0.5) / kShades), size: 5 },
    opacity: rows.length > 100 ? 0.65 : 0.9, hovertemplate: "trial %{text}<br>interval %{x}: %{y:.5g}<extra></extra>",
  }));
}

/** Quantiles, at every kept interval, of the selected trials that reached it. */
function bands(sweep) {
  let longest = 0;
  for (let row = 0; row < sweep.n; ++row) if (sweep.selected[row]) longest = Math.max(longest, Math.ceil(sweep.lengths[row] / sweep.stride));
  const step = Math.max(1, Math.ceil(longest / 300));
  const out = { x: [], count: [], q: [[], [], [], [], []] };
  for (let j = 0; j < longest; j += step) {
    const values = [];
    for (let row = 0; row < sweep.n; ++row) {
      if (sweep.selected[row] && 1 + j * sweep.stride <= sweep.lengths[row] && Number.isFinite(sweep.curves[row][j])) values.push(sweep.curves[row][j]);
    }
    if (values.length === 0) continue;
    const sorted = Float32Array.from(values).sort();
    out.x.push(1 + j * sweep.stride);
    out.count.push(sorted.length);
    [0.05, 0.25, 0.5, 0.75, 0.95].forEach((q, k) => out.q[k].push(quantile(sorted, q)));
  }
  return out;
}

function bandTraces(sweep, t) {
  const b = bands(sweep);
  const edge = (k, extra) => ({ x: b.x, y: b.q[k], type: "scatter", mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false, ...extra });
  return [
    edge(0), edge(4, { fill: "tonexty", fillcolor: t.band(0.16), name: "5 to 95 %", showlegend: true }),
    edge(1), edge(3, { fill: "tonexty", fillcolor: t.band(0.28), name: "25 to 75 %", showlegend: true }),
    { x: b.x, y: b.q[2], customdata: b.count, type: "scatter", mode: "lines", name: "median", showlegend: true, line: { color: t.band(1), width: 2 },
      hovertemplate: "interval %{x}: median %{y:.5g} of %{customdata} trials<extra></extra>" },
  ];
}

/** Every trial's best metric by its number, and the best so far. */
function historyTraces(sweep, t) {
  const x = [], y = [], customdata = [], bestX = [], bestY = [];
  let best = null;
  const order = [...sweep.trials.number.keys()].sort((a, b) => sweep.trials.number[a] - sweep.trials.number[b]);
  for (const row of order) {
    const value = sweep.trials.value[row];
    if (!sweep.selected[row] || value === null) continue;
    x.push(sweep.trials.number[row]);
    y.push(value);
    customdata.push(row);
    if (best === null || sweep.isBetter(value, best)) best = value;
    bestX.push(sweep.trials.number[row]);
    bestY.push(best);
  }
  return [
    { x, y, customdata, type: hasWebGl && x.length > kMaxSvgPoints ? "scattergl" : "scatter", mode: "markers", marker: { color: t.band(0.55), size: x.length > 1000 ? 4 : 6 },
      hovertemplate: "trial %{x}: %{y:.5g}<extra></extra>" },
    { x: bestX, y: bestY, type: "scatter", mode: "lines", name: "best so far", showlegend: true, line: { color: t.best, width: 2.4, shape: "hv" }, hoverinfo: "skip" },
  ];
}

function drawCurves(element, sweep, mode) {
  const t = theme();
  const legend = { orientation: "h", y: 1.0, yanchor: "bottom", x: 0, font: { size: 11.5 }, bgcolor: "rgba(0,0,0,0)" };
  const base = { showlegend: true, legend, margin: { l: 56, r: 14, t: 28, b: 44 } };
  if (mode === "history") {
    const traces = historyTraces(sweep, t);
    draw(element, traces, layout(t, { ...base, xaxis: axis(t, "trial"), yaxis: metricAxis(t, sweep, traces[0].y) }));
    return `Best ${sweep.head.metric} of each of ${formatCount(traces[0].x.length)} trials by number, and the best so far.`;
  }
  const { rows, of } = drawnRows(sweep, mode === "lines" ? kMaxLines : kMaxEnds);
  const traces = (mode === "lines" ? lineTraces(sweep, t, rows).map((trace) => ({ ...trace, showlegend: false })) : bandTraces(sweep, t))
    .concat(endMarks(sweep, t, rows), [bestLine(sweep, t)], highlightLine(sweep, t));
  const seen = [];
  for (const row of rows) for (const x of sweep.curves[row]) seen.push(x);
  draw(element, traces, layout(t, { ...base, xaxis: axis(t, "interval"), yaxis: metricAxis(t, sweep, seen) }));
  const ended = traces.filter((trace) => trace.name === "stopped").reduce((n, trace) => n + trace.x.length, 0);
  const thinned = sweep.stride > 1 ? ` Of each trial every ${sweep.stride}th report and its last are drawn.` : "";
  const marks = ended > 0 ? " A tick marks where a trial was stopped." : "";
  const what = mode === "bands" ? `Quantiles of the ${sweep.head.metric} of ${formatCount(of)} trials, at every interval of those that reached it.`
    : rows.length < of ? `${formatCount(rows.length)} of ${formatCount(of)} trials, the best among them; bands show all.`
    : `The ${sweep.head.metric} of ${formatCount(of)} trials; the better, the darker.`;
  return (matchMedia("(prefers-color-scheme: dark)").matches ? what.replace("the darker", "the brighter") : what) + marks + thinned;
}

/** Columns that parallel coordinates show, unless the reader chose others. */
function defaultAxes(sweep) {
  const few = new Set(sweep.byImportance().slice(0, kMaxAxes));
  return sweep.parameterColumns.filter((column) => few.has(column)).map((column) => column.key).concat(["value"]);
}

/** At most `n` of the rows, evenly over them, with `always` if it is one of them. */
function evenly(rows, n, always) {
  if (rows.length <= n) return rows;
  const chosen = new Set(always >= 0 ? [always] : []);
  for (let k = 0; k < n; ++k) chosen.add(rows[Math.floor(k * rows.length / n)]);
  return [...chosen];
}

function parallelDimension(sweep, key, rows) {
  const column = sweep.byKey.get(key);
  const values = rows.map((row) => sweep.plotted(column, row));
  const numbers = values.filter((x) => x !== null);
  const fallback = numbers.length ? Math.min(...numbers.slice(0, 1)) : 0;
  const dimension = { name: key, label: plotlyText(column.label, 16), values: values.map((x) => x === null ? fallback : x) };
  if (column.kind === "category") {
    dimension.tickvals = column.categories.map((_, i) => i);
    dimension.ticktext = uniqueTexts(column.categories.map((each) => shorten(each, 14)));
    dimension.range = [-0.4, column.categories.length - 0.6];
  } else {
    let low = Infinity, high = -Infinity;
    for (const x of numbers) {
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    if (low <= high) dimension.range = low === high ? [low - 0.5, high + 0.5] : [low, high];
  }
  const kept = sweep.brush.get(key);
  if (kept) dimension.constraintrange = kept.length === 1 ? kept[0] : kept;
  return dimension;
}

/** Plotly places equal texts of an axis at one place. */
function uniqueTexts(texts) {
  const seen = new Map();
  return texts.map((text) => {
    const n = (seen.get(text) || 0) + 1;
    seen.set(text, n);
    return n === 1 ? text : `${text} (${n})`;
  });
}

function drawParallel(element, sweep, axes) {
  if (!hasWebGl) {
    message(element, "This browser has no WebGL, which this chart needs; the table's filters do the same.");
    return "";
  }
  const t = theme();
  const on = [], off = [];
  for (let row = 0; row < sweep.n; ++row) {
    if (sweep.filtered[row] && sweep.trials.value[row] !== null) (sweep.selected[row] ? on : off).push(row);
  }
  // What is brushed is drawn as fully as everything was before.
  const rows = evenly(on, kMaxParallel, sweep.best()).concat(evenly(off, kMaxParallel / 2, -1));
  if (rows.length === 0) {
    message(element, "No trial to show.");
    return "";
  }
  element.style.minWidth = `${90 * axes.length}px`;
  const trace = {
    type: "parcoords", dimensions: axes.map((key) => parallelDimension(sweep, key, rows)), labelfont: { size: 12.5, color: t.ink },
    tickfont: { size: 11, color: t.ink }, rangefont: { size: 10.5, color: t.soft },
    line: { color: rows.map((row) => sweep.shade[row]), colorscale: t.scale, cmin: 0, cmax: 1, showscale: false },
    unselected: { line: { color: t.grey, opacity: rows.length > 1000 ? 0.03 : 0.15 } },
  };
  draw(element, [trace], layout(t, { margin: { l: 64, r: 64, t: 52, b: 24 }, uirevision: undefined }), { displayModeBar: false });
  const left = sweep.n - on.length - off.length;
  const thinned = on.length + off.length > rows.length;
  const all = formatCount(on.length + off.length);
  return (off.length > 0 ? `${formatCount(on.length)} of ${all} trials are in the ranges` : `${all} trials`) + ", coloured by how good they are" + (thinned ? `, of which ${formatCount(rows.length)} are drawn; a range counts all of them.` : ".") +
    (left > 0 ? ` ${formatCount(left)} without a finite ${sweep.head.metric}, or filtered out, are not here.` : "");
}

/** Plotly's parallel coordinates know no logarithmic axes: they get logarithms, and here their ticks read as numbers again. */
function rewriteParallelTicks(element, sweep) {
  for (const node of element.querySelectorAll(".y-axis")) {
    const dimension = element.data[0].dimensions[node.__data__.visibleIndex];
    const column = dimension && sweep.byKey.get(dimension.name);
    if (!column || !column.log) continue;
    const read = (x) => formatNumber(Number((10 ** x).toPrecision(2)));
    for (const tick of node.querySelectorAll(".tick")) tick.querySelector("text").textContent = read(tick.__data__);
    const extents = node.querySelectorAll(".axis-extent-text");
    if (extents.length !== 2) continue;
    const [low, high] = dimension.range;
    for (const text of extents) text.textContent = read(text.closest(".axis-extent-top") ? high : low);
  }
}

/** The brushes that are drawn, by column. */
function readBrush(element) {
  const brush = new Map();
  for (const dimension of element.data[0].dimensions) {
    const range = dimension.constraintrange;
    if (range && range.length) brush.set(dimension.name, Array.isArray(range[0]) ? range.map((each) => [...each]) : [[...range]]);
  }
  return brush;
}

/** Moves categories a little apart, each trial always the same way. */
const jitter = (row) => ((row * 2654435761 >>> 0) / 2 ** 32 - 0.5) * 0.5;

function pointText(sweep, row, columns) {
  return `trial ${sweep.trials.number[row]} (${sweep.trials.state[row]})` + columns.map((column) => `<br>${plotlyText(column.label)}: ${plotlyText(column.text(row), 60)}`).join("");
}

function points(sweep, rows, columns) {
  const place = (column, row) => {
    const x = column.value(row);
    return column.kind === "category" && x !== null ? x + jitter(row + columns.indexOf(column) * 7919) : x;
  };
  const shown = [...new Set([...columns, sweep.byKey.get("value")])];
  const out = { text: rows.map((row) => pointText(sweep, row, shown)), customdata: rows };
  ["x", "y", "z"].slice(0, columns.length).forEach((name, i) => { out[name] = rows.map((row) => place(columns[i], row)); });
  return out;
}

function drawScatter(element, sweep, keys) {
  const is3d = keys.length === 3;
  if (is3d && !hasWebGl) {
    message(element, "This browser has no WebGL, which this chart needs.");
    return "";
  }
  const t = theme();
  const columns = keys.map((key) => sweep.byKey.get(key));
  const on = [], off = [];
  for (let row = 0; row < sweep.n; ++row) {
    if (columns.some((column) => column.value(row) === null) || sweep.trials.value[row] === null) continue;
    (sweep.selected[row] ? on : off).push(row);
  }
  const type = is3d ? "scatter3d" : hasWebGl && on.length + off.length > kMaxSvgPoints ? "scattergl" : "scatter";
  const size = is3d ? (on.length > 2000 ? 2.5 : 4) : on.length > 2000 ? 4 : 7;
  const chosen = sweep.best();
  const traces = [
    { ...points(sweep, off, columns), type, mode: "markers", hoverinfo: "skip", marker: { size: 0.7 * size, color: t.grey, opacity: 0.35 } },
    { ...points(sweep, on, columns), type, mode: "markers", hoverinfo: "text",
      marker: { size, color: on.map((row) => sweep.shade[row]), colorscale: t.scale, cmin: 0, cmax: 1, opacity: on.length > 2000 ? 0.7 : 0.9,
                line: { width: is3d || on.length > 2000 ? 0 : 0.5, color: t.card } } },
  ];
  if (chosen >= 0 && on.includes(chosen)) {
    traces.push({ ...points(sweep, [chosen], columns), type: is3d ? type : "scatter", mode: "markers", hoverinfo: "text",
                  marker: { size: is3d ? 7 : 15, symbol: is3d ? "diamond" : "star", color: t.best, line: { width: 1, color: t.card } } });
  }
  if (sweep.highlight >= 0 && sweep.highlight !== chosen && columns.every((column) => column.value(sweep.highlight) !== null)) {
    traces.push({ ...points(sweep, [sweep.highlight], columns), type: is3d ? type : "scatter", mode: "markers", hoverinfo: "text",
                  marker: { size: is3d ? 7 : 13, symbol: is3d ? "circle-open" : "circle-open", color: t.ink, line: { width: 2, color: t.ink } } });
  }
  const axisOf = (column) => columnAxis(t, column, on.concat(off), is3d);
  const revision = keys.join(" ");  // other axes are another view; otherwise the reader's zoom and turn stay
  if (is3d) {
    const [x, y, z] = columns.map(axisOf);
    draw(element, traces, layout(t, { margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: revision,
                                      scene: { xaxis: x, yaxis: y, zaxis: z, uirevision: revision, camera: { eye: { x: 1.75, y: 1.75, z: 0.9 }, center: { x: 0, y: 0, z: -0.12 } } } }));
  } else {
    draw(element, traces, layout(t, { xaxis: axisOf(columns[0]), yaxis: axisOf(columns[1]), uirevision: revision }));
  }
  return `${columns.map((column) => shorten(column.label, 60)).join(", ")} of ${formatCount(on.length)} trials, coloured by how good they are.` +
    (off.length > 0 ? ` ${formatCount(off.length)} that are not selected are grey.` : "");
}
