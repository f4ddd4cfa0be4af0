// Puts the page together: reads the document, fills the sections, and keeps charts and table at what is selected.
"use strict";

let sweep = null;
let table = null;
let axes = null;  // of parallel coordinates

/** A table of two columns; values are texts or elements. */
function facts(rows) {
  return make("table", { className: "facts" }, make("tbody", {}, ...rows.filter(([, value]) => value !== "" && value !== null).map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, make("div", { className: "long" }, name)), make("td", {}, make("div", { className: "long" }, value))))));
}

function copyButton(label, text) {
  const button = make("button", { type: "button" }, label);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // a file opened from the disk may not, in some browsers
      const area = make("textarea", { value: text });
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = label; }, 1500);
  });
  return button;
}

/** As a shell takes it for one word. */
const shellWord = (text) => /^[\w@%+=:,.\/-]+$/.test(text) && !text.startsWith("-") ? text : `'${text.replaceAll("'", "'\\''")}'`;

function stateText(head) {
  const running = head.is_training === undefined ? "not ended: running, or killed" : head.is_training ? "running" : "killed";
  return { completed: "completed", timeout: "ended by its timeout", interrupted: "interrupted", failed: "failed", running }[head.is_training ? "running" : head.state];
}

function counts() {
  const out = {};
  for (const state of sweep.trials.state) out[state] = (out[state] || 0) + 1;
  return out;
}

function fillHeader() {
  const { head } = sweep;
  const name = head.display_name || head.spec_file.replace(/.*\//, "") || "Sweep";
  document.title = `${shorten(name, 80)} - Lockstep`;
  $("title").textContent = name;
  $("subtitle").textContent = `${head.goal === "maximize" ? "Maximize" : "Minimize"} ${shorten(head.metric, 200)} · ${stateText(head)} · started ${head.start.slice(0, 16)} UTC on ${head.device}`;
  $("failure").hidden = !head.failure;
  $("failure").textContent = head.failure;
  $("version").textContent = head.lockstep_version;
}

function fillTiles() {
  const { head } = sweep;
  const by = counts();
  const parts = ["finished", "stopped", "running", "diverged", "failed", "aborted"].filter((state) => by[state]).map((state) => `${formatCount(by[state])} ${state}`);
  const waiting = head.n_trials - sweep.n;
  if (waiting > 0) parts.push(`${formatCount(waiting)} not started`);
  const rate = head.elapsed_s > 0 ? head.trial_intervals / head.elapsed_s : 0;
  const rateText = `${rate >= 10 ? formatCount(Math.round(rate)) : formatNumber(rate)} trial-intervals/s`;
  const tile = (name, value, more) => make("div", {}, make("dt", {}, name), make("dd", {}, value, make("small", {}, more)));
  const tiles = [
    tile(`best ${shorten(head.metric, 40)}`, head.best ? formatNumber(head.best.value) : "none", head.best ? `trial ${head.best.trial}, interval ${head.best.interval}` : "no finite report"),
    tile("trials", formatCount(sweep.n), parts.join(", ")),
  ];
  if (head.best && head.best.test_metric !== null) tiles.splice(1, 0, tile("on the test data", formatNumber(head.best.test_metric), "looked at once, for the best trial"));
  if (head.n_exploits > 0) tiles.push(tile("weights taken over", formatCount(head.n_exploits), "population based training"));
  else tiles.push(tile("saved by stopping", formatPercent(head.savings), `${formatCount(head.trial_intervals)} of ${formatCount(head.trial_intervals_full)} intervals trained`));
  tiles.push(tile("time", formatDuration(head.elapsed_s), rate > 0 ? rateText : ""));
  $("tiles").replaceChildren(...tiles);
}

function fillBest() {
  const { best, metric } = sweep.head;
  if (!best) {
    $("best").replaceChildren(make("p", {}, `No trial has reported a finite ${metric}.`));
    return;
  }
  const values = JSON.stringify(best.hyperparameters, null, 2);
  const text = (value) => typeof value === "string" ? value : typeof value === "number" && !Number.isInteger(value) ? formatNumber(value) : JSON.stringify(value);
  const show = make("button", { type: "button" }, "Show in the charts");
  show.addEventListener("click", () => choose(sweep.rowOf.get(best.trial)));
  const parts = [facts([["trial", String(best.trial)], [`validation ${metric}`, `${formatNumber(best.value)} at interval ${best.interval}`],
                        [`test ${metric}`, best.test_metric === null ? "" : formatNumber(best.test_metric)],
                        ...Object.entries(best.hyperparameters).map(([name, value]) => [name, text(value)])]),
                 make("p", { className: "controls" }, copyButton("Copy as JSON", values), show)];
  if (best.note) parts.push(make("p", { className: "summary" }, best.note));
  $("best").replaceChildren(...parts);
}

function fillImportance() {
  const { importance, head } = sweep;
  if (importance.reason) {
    $("importance").replaceChildren(make("p", {}, `Not known: ${importance.reason}.`));
    return;
  }
  const bar = (share) => {
    const fill = make("span");
    fill.style.width = `${100 * share}%`;
    return fill;
  };
  const line = (name, share, rest) => make("tr", {}, make("th", { scope: "row" }, name), make("td", { className: rest ? "bar rest" : "bar", "aria-hidden": "true" }, bar(share)),
                                           make("td", { className: "number" }, formatPercent(share)));
  const shown = importance.shares.slice(0, 12);
  const lines = shown.map((each) => line(shorten(each.name, 60), each.share, false));
  const others = importance.shares.slice(12).reduce((sum, each) => sum + each.share, 0);
  if (importance.shares.length > 12) lines.push(line(`${importance.shares.length - 12} others`, others, true));
  lines.push(line("together only", importance.together, true));
  const known = importance.held_out_r2;
  const trust = known < 0.2 ? "That is little: take the shares for a hint at most." : known < 0.5 ? "Take the shares with care." : "";
  const table = make("table", { className: "bars" }, make("caption", { className: "summary" }), make("tbody", {}, ...lines));
  table.caption.textContent = `Share of what the ${shorten(head.metric, 60)} does, by itself`;
  const about = `fANOVA on a random forest of the ranks of ${formatCount(importance.n_trials)} trials, each with its best report, stopped ones too` +
    (importance.n_left_out > 0 ? `; ${formatCount(importance.n_left_out)} without a finite report are left out` : "") +
    `. The forest predicts ${formatPercent(Math.max(0, known))} of what trials do that it has not seen. ${trust}`;
  $("importance").replaceChildren(table, make("p", { className: "summary" }, about));
}

function fillStopping() {
  const { head } = sweep;
  const full = sweep.n > 0 ? head.trial_intervals_full / sweep.n : 0;
  const groups = new Map();
  for (let row = 0; row < sweep.n; ++row) {
    if (sweep.trials.state[row] !== "stopped") continue;
    const policy = sweep.trials.reason[row].split(" at interval ")[0];
    const group = groups.get(policy) || { n: 0, saved: 0, at: [] };
    ++group.n;
    group.saved += Math.max(0, full - sweep.lengths[row]);
    group.at.push(sweep.lengths[row]);
    groups.set(policy, group);
  }
  if (groups.size === 0) {
    $("stopping").replaceChildren(make("p", {}, head.n_exploits > 0 ? `No trial was stopped; weights were taken over ${formatCount(head.n_exploits)} times.` : "No trial was stopped early."));
    return;
  }
  const header = ["policy", "stopped", "intervals saved", "share of all", "stopped at: earliest, median, latest"];
  const lines = [...groups].map(([policy, group]) => {
    group.at.sort((a, b) => a - b);
    const cells = [formatCount(group.n), formatCount(Math.round(group.saved)), formatPercent(head.trial_intervals_full > 0 ? group.saved / head.trial_intervals_full : 0),
                   `${group.at[0]}, ${quantile(group.at, 0.5)}, ${group.at[group.at.length - 1]}`];
    return make("tr", {}, make("th", { scope: "row" }, policy), ...cells.map((cell) => make("td", { className: "number" }, cell)));
  });
  $("stopping").replaceChildren(make("div", { className: "scroll" }, make("table", {},
    make("thead", {}, make("tr", {}, ...header.map((name, i) => make("th", { scope: "col", className: i > 0 ? "number" : "" }, name)))), make("tbody", {}, ...lines))),
    make("p", { className: "summary" }, `${formatCount(head.trial_intervals)} of ${formatCount(head.trial_intervals_full)} trial-intervals were trained: ${formatPercent(head.savings)} saved. Why each trial was stopped is in the table.`));
}

function fillReproduce() {
  const { head } = sweep;
  const directory = shellWord(head.directory);
  const commands = [
    ["The sweep again, from the file below, saved as sweep.yml:", `lockstep run sweep.yml --seed ${head.seed}`],
    ...(head.best ? [["The best trial alone, compared with what it reported:", `lockstep replay ${directory} --best`],
                     ["The best trial's model as a file:", `lockstep export-model ${directory} --trial best -o best.pt`]] : []),
    ...(head.state === "completed" ? [] : [["On with the sweep from its last checkpoint:", `lockstep resume ${directory}`]]),
    ["This page again:", `lockstep report ${directory}`],
  ];
  $("reproduce").replaceChildren(...commands.flatMap(([what, command]) => [make("p", { className: "hint" }, what),
    make("div", { className: "command" }, make("pre", {}, command), copyButton("Copy", command))]));
}

function fillFile() {
  const { head } = sweep;
  $("file-name").textContent = head.spec_file ? `${head.spec_file}, with the options of the run` : "";
  $("file").textContent = head.spec_text;
  const button = copyButton("Copy", head.spec_text);
  button.id = "copy-file";
  $("copy-file").replaceWith(button);
  $("environment").replaceChildren(facts([
    ["Lockstep", head.lockstep_version], ["LibTorch", head.torch_version], ["device", head.device], ["processor", head.processor], ["seed", head.seed],
    ["trials at once", head.n_slots > 0 ? formatCount(head.n_slots) : ""], ["data", head.data_fingerprint], ["folder", head.directory]]),
    ...(head.notes.length === 0 ? [] : [make("details", {}, make("summary", {}, `Notes of the run (${head.notes.length})`),
                                             make("pre", {}, head.notes.join("\n")))]));
}

// What is selected.

function fillSelection() {
  const all = sweep.nSelected === sweep.n;
  $("selection-text").textContent = all ? `All ${formatCount(sweep.n)} trials` : `${formatCount(sweep.nSelected)} of ${formatCount(sweep.n)} trials selected`;
  $("clear").hidden = all && sweep.filters.length === 0 && sweep.brush.size === 0 && !sweep.text;
  $("filters").replaceChildren(...sweep.filters.map((filter, i) => {
    const text = `${sweep.byKey.get(filter.key).label} ${filter.op} ${filter.value}`;
    const remove = make("button", { type: "button", "aria-label": `Remove the filter ${shorten(text, 80)}` }, "✕");
    remove.addEventListener("click", () => {
      sweep.filters.splice(i, 1);
      selectionChanged(true);
    });
    return make("li", {}, make("span", {}, shorten(text, 120)), remove);
  }));
}

/** @param parallel whether parallel coordinates need drawing too: not when the reader brushed them and they show all */
function selectionChanged(parallel) {
  sweep.select();
  fillSelection();
  table.page = 0;
  table.update(sweep);
  if (parallel) stale("parallel");
  stale("curves", "scatter", "scatter3d");
}

function choose(row) {
  sweep.highlight = sweep.highlight === row ? -1 : row;
  table.render();
  fillDetail();
  stale("curves", "scatter", "scatter3d");
}

function fillDetail() {
  const row = sweep.highlight;
  if (row < 0) {
    $("detail").replaceChildren();
    return;
  }
  const number = sweep.trials.number[row];
  const values = Object.fromEntries(sweep.parameterColumns.map((column) => [column.label, column.kind === "number" ? column.value(row) : column.text(row)]));
  $("detail").replaceChildren(make("h3", {}, `Trial ${number}`), facts(sweep.columns.map((column) => [column.label, column.text(row)])),
    make("p", { className: "controls" }, copyButton("Copy hyperparameters as JSON", JSON.stringify(values, null, 2)),
         copyButton("Copy its replay command", `lockstep replay ${shellWord(sweep.head.directory)} --trial ${number}`)));
}

// Drawing: charts that are out of date are drawn one a frame, those on the screen only, the others when they come there.

const charts = {
  curves: () => drawCurves($("curves"), sweep, $("curves-mode").value),
  parallel: () => drawParallel($("parallel"), sweep, axes),
  scatter: () => drawScatter($("scatter"), sweep, [$("scatter-x").value, $("scatter-y").value]),
  scatter3d: () => drawScatter($("scatter3d"), sweep, [$("scatter3d-x").value, $("scatter3d-y").value, $("scatter3d-z").value]),
};
const staleCharts = new Set();
const visibleCharts = new Set();
const listening = new Set();
let timer = 0;

function stale(...names) {
  for (const name of names) staleCharts.add(name);
  delete document.documentElement.dataset.drawn;
  schedule(120);
}

function schedule(delay) {
  clearTimeout(timer);
  timer = setTimeout(drawNext, delay);
}

function drawNext() {
  if (!hasPlotly) return;
  const name = Object.keys(charts).find((each) => staleCharts.has(each) && visibleCharts.has(each));
  if (!name) {
    document.documentElement.dataset.drawn = staleCharts.size === 0 ? "all" : "visible";
    return;
  }
  staleCharts.delete(name);
  try {
    $(`${name}-summary`).textContent = charts[name]();
    listen(name);
  } catch (error) {
    console.error(error);
    message($(name), "This chart could not be drawn in this browser; the table below has everything.");
  }
  schedule(0);
}

/** Takes note of what the reader does in a chart; once each, when plotly has made it. */
function listen(name) {
  const element = $(name);
  if (!element.on || listening.has(name)) return;
  listening.add(name);
  if (name !== "parallel") {
    element.on("plotly_click", (event) => {
      const row = event.points[0].customdata;
      if (Number.isInteger(row) && row >= 0) choose(row);
    });
    return;
  }
  rewriteParallelTicks(element, sweep);
  element.on("plotly_afterplot", () => rewriteParallelTicks(element, sweep));
  element.on("plotly_restyle", () => {
    const order = element.data[0].dimensions.map((dimension) => dimension.name);
    axes = order;
    const brush = readBrush(element);
    const before = JSON.stringify([...sweep.brush]);
    if (JSON.stringify([...brush]) === before) return;
    sweep.brush = brush;
    selectionChanged(sweep.n > kMaxParallel);
  });
}

function watchCharts() {
  const seen = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (entry.isIntersecting) visibleCharts.add(entry.target.id);
      else visibleCharts.delete(entry.target.id);
    }
    schedule(0);
  }, { rootMargin: "300px" });
  for (const name of Object.keys(charts)) {
    staleCharts.add(name);
    seen.observe($(name));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => stale(...Object.keys(charts)));
}

// Controls.

function fillSelect(select, columns, chosen) {
  select.replaceChildren(...columns.map((column) => make("option", { value: column.key }, shorten(column.label, 60))));
  select.value = chosen;
}

function setUpAxes() {
  const columns = sweep.columns.filter((column) => column.kind !== "text" && !["number", "state", "duration_s", "best_interval"].includes(column.key));
  const byImportance = sweep.byImportance();
  const pick = (i, otherwise) => byImportance[i] ? byImportance[i].key : otherwise;
  fillSelect($("scatter-x"), columns, pick(0, "intervals"));
  fillSelect($("scatter-y"), columns, pick(1, "value"));
  fillSelect($("scatter3d-x"), columns, pick(0, "intervals"));
  fillSelect($("scatter3d-y"), columns, pick(1, "intervals"));
  fillSelect($("scatter3d-z"), columns, "value");
  for (const id of ["scatter-x", "scatter-y"]) $(id).addEventListener("change", () => stale("scatter"));
  for (const id of ["scatter3d-x", "scatter3d-y", "scatter3d-z"]) $(id).addEventListener("change", () => stale("scatter3d"));

  axes = defaultAxes(sweep);
  $("axes-list").replaceChildren(...columns.map((column) => {
    const box = make("input", { type: "checkbox", checked: axes.includes(column.key) });
    box.addEventListener("change", () => {
      if (box.checked) {
        axes.splice(column.key === "value" ? axes.length : Math.max(0, axes.length - 1), 0, column.key);
      } else if (axes.length > 2) {
        axes = axes.filter((key) => key !== column.key);
        sweep.brush.delete(column.key);
      } else {
        box.checked = true;  // plotly draws two axes at least
      }
      selectionChanged(true);
    });
    return make("label", {}, box, ` ${shorten(column.label, 60)}`);
  }));
}

function setUpFilters() {
  const column = () => sweep.byKey.get($("filter-column").value);
  const ops = () => {
    const kind = column().kind;
    const list = kind === "number" ? ["≥", "≤", "=", "≠"] : kind === "category" ? ["=", "≠", "contains"] : ["contains"];
    $("filter-op").replaceChildren(...list.map((op) => make("option", {}, op)));
    $("filter-choices").replaceChildren(...(column().categories || []).slice(0, 200).map((each) => make("option", { value: shorten(each, 200) })));
    $("filter-value").value = "";
  };
  fillSelect($("filter-column"), sweep.columns, "state");
  $("filter-column").addEventListener("change", ops);
  ops();
  $("filter-form").addEventListener("submit", (event) => {
    event.preventDefault();
    const value = $("filter-value").value.trim();
    const op = $("filter-op").value;
    const isNumber = column().kind === "number";
    $("filter-error").textContent = value === "" ? "Give a value." : isNumber && !Number.isFinite(Number(value)) ? `'${shorten(value, 20)}' is not a number.` : "";
    if ($("filter-error").textContent) return;
    sweep.filters.push({ key: column().key, op, value });
    $("filter-value").value = "";
    selectionChanged(true);
  });
  let typing = 0;
  $("filter-text").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      sweep.text = $("filter-text").value;
      selectionChanged(true);
    }, 150);
  });
  $("clear").addEventListener("click", () => {
    sweep.filters = [];
    sweep.text = $("filter-text").value = "";
    sweep.brush.clear();
    selectionChanged(true);
    $("table-section").focus({ preventScroll: true });
  });
  $("download").addEventListener("click", () => {
    const url = URL.createObjectURL(new Blob([table.csv()], { type: "text/csv" }));
    make("a", { href: url, download: "trials.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  });
}

const filledWith = {};

/** Fills a part if what it shows has changed: a reader may be copying from it. */
function fillIfNew(fill, ...what) {
  const now = JSON.stringify(what);
  if (filledWith[fill.name] === now) return;
  filledWith[fill.name] = now;
  fill();
}

/** Fills everything that is text. */
function fillTexts() {
  const { head } = sweep;
  fillHeader();
  fillTiles();
  fillIfNew(fillBest, head.best);
  fillIfNew(fillImportance, sweep.importance);
  fillIfNew(fillStopping, counts(), head.trial_intervals);
  fillIfNew(fillReproduce, head.state, head.best !== null, head.seed);
  fillIfNew(fillFile, head.start);
  fillSelection();
}

/** Shows a document for the first time. */
async function show(data) {
  sweep = new Sweep(data);
  table = new Table(choose);
  fillTexts();
  setUpAxes();
  setUpFilters();
  table.update(sweep);
  chooseMode();
  $("curves-mode").addEventListener("change", () => {
    modeIsChosen = true;
    stale("curves");
  });
  document.documentElement.dataset.filled = "yes";
  try {
    await loadPlotly();
  } catch (error) {
    console.error(error);
    for (const name of Object.keys(charts)) message($(name), "The charts need a browser of 2023 or later; everything else on this page works.");
    return;
  }
  watchCharts();
}

let modeIsChosen = false;

/** Lines as long as they can be told apart. */
function chooseMode() {
  if (modeIsChosen) return;
  $("curves-mode").value = sweep.lengths.filter((n) => n > 0).length <= kMaxLines ? "lines" : "bands";
}

// A page that `lockstep serve` shows: documents and increments come as server-sent events.

let lastCharts = 0;
let chartTimer = 0;

/** Draws again what has changed, but not so often that a reader could not work with it, and not under the reader's hand. */
function refreshCharts() {
  clearTimeout(chartTimer);
  const wait = lastCharts + 3000 - performance.now();
  if (wait > 0 || document.querySelector(":active")) {
    chartTimer = setTimeout(refreshCharts, Math.max(200, wait));
    return;
  }
  lastCharts = performance.now();
  stale(...Object.keys(charts));
}

function refresh() {
  chooseMode();
  fillTexts();
  table.update(sweep);
  refreshCharts();
}

function fillLive(connected) {
  $("live").hidden = false;
  const training = sweep !== null && sweep.head.is_training;
  $("live").classList.toggle("on", connected && training);
  $("live-text").textContent = !connected ? "The connection is lost; trying again." : training ? "Live: training" : "Nothing trains now; this page follows when it does.";
  $("stop").hidden = !(training && location.hash.startsWith("#token="));
}

async function stopSweep() {
  if (!confirm("End this sweep after its interval? What was trained is kept, and `lockstep resume` can go on with it.")) return;
  $("stop").disabled = true;
  const answer = await fetch("stop", { method: "POST", headers: { "X-Lockstep-Token": location.hash.slice("#token=".length) } }).catch(() => null);
  $("live-text").textContent = answer ? await answer.text() : "The server cannot be reached.";
  $("stop").disabled = false;
}

function follow() {
  $("stop").addEventListener("click", stopSweep);
  const events = new EventSource("events");
  events.addEventListener("document", (event) => {
    const data = JSON.parse(event.data);
    if (sweep === null) {
      show(data);
    } else {
      const { filters, text, brush, head } = sweep;
      sweep = new Sweep(data);
      if (JSON.stringify(head.parameters) !== JSON.stringify(data.parameters)) location.reload();
      Object.assign(sweep, { filters, text, brush });
      sweep.select();
      refresh();
    }
    fillLive(true);
  });
  events.addEventListener("increment", (event) => {
    const part = JSON.parse(event.data);
    const { trials, curves, importance, ...head } = part;
    Object.assign(sweep.head, head);
    if (importance) sweep.importance = importance;
    sweep.merge(part);
    refresh();
    fillLive(true);
  });
  events.onerror = () => fillLive(false);
  events.onopen = () => { if (sweep !== null) fillLive(true); };
}

const given = JSON.parse($("sweep-data").textContent);
if (given.live) follow();
else show(given);
