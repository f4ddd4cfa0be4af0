// The sweep as the page knows it: the JSON document, its columns, and which trials are selected. No drawing here.
"use strict";

/** Five significant digits, as the command line prints numbers. */
function formatNumber(x) {
  if (x === null || x === undefined) return "";
  if (!Number.isFinite(x)) return String(x);
  const text = String(Number(x.toPrecision(5)));
  return Math.abs(x) >= 1e15 || (x !== 0 && Math.abs(x) < 1e-4) ? Number(x).toExponential(4).replace(/\.?0+e/, "e") : text;
}

const formatCount = (n) => n.toLocaleString("en");

function formatDuration(seconds) {
  if (seconds < 60) return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
  const whole = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
                      : `${Math.floor(whole / 3600)} h ${two(Math.floor(whole % 3600 / 60))} min`;
}

const formatPercent = (share) => (100 * share).toFixed(1) + " %";

/** For places where there is little room: by code points, so that no emoji is cut in half. */
function shorten(text, n = 40) {
  if (text.length <= n) return text;
  const points = [...text.slice(0, 2 * n)];
  return points.length <= n && text.length <= 2 * n ? text : points.slice(0, n - 1).join("") + "…";
}

/** The values at the given quantiles (0 to 1) of sorted numbers. */
const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.round(q * (sorted.length - 1)))];

function decodeFloats(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; ++i) bytes[i] = binary.charCodeAt(i);
  return new Float32Array(bytes.buffer);
}

class Sweep {
  constructor(document) {
    this.head = document;
    this.maximize = document.goal === "maximize";
    this.importance = document.importance;
    this.stride = document.curves.stride;
    this.trials = {};
    for (const name of Object.keys(document.trials)) this.trials[name] = [];  // by row, as they came
    this.trials.parameters = document.parameters.map(() => []);
    this.lengths = [];  // reports of each trial
    this.curves = [];   // those of intervals 1, 1 + stride, ... and the last
    this.rowOf = new Map();  // by number
    this.filters = [];  // {key of a column, op, value}
    this.text = "";
    this.brush = new Map();  // column key -> [[low, high], ...] in the column's plotted numbers
    this.highlight = -1;
    this.merge(document);
  }

  get n() { return this.trials.number.length; }

  /** Takes in trials that are new or have changed: of a whole document or of an increment. */
  merge(part) {
    const came = part.trials;
    const values = decodeFloats(part.curves.values);
    let at = 0;
    for (let i = 0; i < came.number.length; ++i) {
      let row = this.rowOf.get(came.number[i]);
      if (row === undefined) {
        row = this.n;
        this.rowOf.set(came.number[i], row);
        this.curves[row] = new Float32Array(0);
      }
      for (const name of Object.keys(came)) {
        if (name === "parameters") came.parameters.forEach((column, p) => { this.trials.parameters[p][row] = column[i]; });
        else this.trials[name][row] = came[name][i];
      }
      const length = part.curves.lengths[i];
      const kept = part.curves.from.length ? part.curves.from[i] : 0;
      const count = (length > 0 ? Math.ceil((length - 1) / this.stride) + 1 : 0) - kept;
      const fresh = values.subarray(at, at + count);
      at += count;
      if (kept === 0) {
        this.curves[row] = fresh;
      } else {
        const whole = new Float32Array(kept + count);
        whole.set(this.curves[row].subarray(0, kept));
        whole.set(fresh, kept);
        this.curves[row] = whole;
      }
      this.lengths[row] = length;
    }
    this.makeColumns();
    this.makeShades();
    this.select();
  }

  /** The interval of the j-th kept report of a trial. */
  intervalOf(row, j) { return Math.min(1 + j * this.stride, this.lengths[row]); }

  makeColumns() {
    const t = this.trials;
    const number = (key, label, data, extra = {}) =>
      ({ key, label, kind: "number", data, value: (row) => data[row], text: (row) => formatNumber(data[row]), log: false, ...extra });
    const category = (key, label, categories, code) => ({
      key, label, kind: "category", categories, log: false, value: code,
      text: (row) => { const c = code(row); return c === null ? "" : categories[c]; },
    });
    const states = ["finished", "stopped", "running", "diverged", "failed", "aborted", "waiting"];
    const columns = [
      number("number", "trial", t.number, { text: (row) => String(t.number[row]) }),
      category("state", "state", states, (row) => states.indexOf(t.state[row])),
      number("value", this.head.metric, t.value, { log: this.isWide(t.value) }),
      number("best_interval", "best interval", t.best_interval, { value: (row) => t.value[row] === null ? null : t.best_interval[row],
                                                            text: (row) => t.value[row] === null ? "" : String(t.best_interval[row]) }),
      number("intervals", "intervals", t.intervals),
    ];
    this.parameterColumns = this.head.parameters.map((parameter, p) => {
      const data = t.parameters[p];
      const key = "p" + p;
      if (parameter.categories) return category(key, parameter.name, parameter.categories, (row) => data[row] ?? null);
      return number(key, parameter.name, data, { log: parameter.log && data.every((x) => x === null || x > 0) });
    });
    columns.push(...this.parameterColumns);
    if (this.head.n_exploits > 0) columns.push(number("exploits", "exploits", t.exploits));
    columns.push(number("duration_s", "seconds", t.duration_s));
    columns.push({ key: "reason", label: "why it ended", kind: "text", value: (row) => t.reason[row], text: (row) => t.reason[row] });
    this.columns = columns;
    this.byKey = new Map(columns.map((column) => [column.key, column]));
  }

  /** How good each trial is among all, from 0 to 1, by rank: a few very bad ones must not make all others look alike. */
  makeShades() {
    const { value } = this.trials;
    const rows = [...value.keys()].filter((row) => value[row] !== null).sort((a, b) => this.maximize ? value[a] - value[b] : value[b] - value[a]);
    this.shade = new Float32Array(this.n);
    for (let begin = 0, end = 0; begin < rows.length; begin = end) {
      while (end < rows.length && value[rows[end]] === value[rows[begin]]) ++end;
      for (let i = begin; i < end; ++i) this.shade[rows[i]] = rows.length > 1 ? (begin + end - 1) / 2 / (rows.length - 1) : 1;
    }
  }

  /** Whether numbers are positive and of so different sizes that a logarithmic axis is needed to see them. */
  isWide(values) {
    let low = Infinity, high = 0;
    for (const x of values) {
      if (x === null) continue;
      if (x <= 0) return false;
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    return high > 200 * low;
  }

  /** As plotted: the logarithm on a logarithmic axis, the place of a category; null where there is none. */
  plotted(column, row) {
    const x = column.value(row);
    return column.log && x !== null ? Math.log10(x) : x;
  }

  passesFilters(row) {
    for (const { key, op, value } of this.filters) {
      const column = this.byKey.get(key);
      const x = column.value(row);
      if (op === "contains" || column.kind === "text") {
        if (!column.text(row).toLowerCase().includes(value.toLowerCase())) return false;
      } else if (column.kind === "category") {
        if ((column.text(row) === value) !== (op === "=")) return false;
      } else {
        if (x === null) return false;
        const y = Number(value);
        if (op === "≥" ? x < y : op === "≤" ? x > y : op === "=" ? formatNumber(x) !== formatNumber(y) : formatNumber(x) === formatNumber(y)) return false;
      }
    }
    if (!this.text) return true;
    const text = this.text.toLowerCase();
    return this.columns.some((column) => column.text(row).toLowerCase().includes(text));
  }

  passesBrush(row) {
    for (const [key, ranges] of this.brush) {
      const x = this.plotted(this.byKey.get(key), row);
      if (x === null || !ranges.some(([low, high]) => x >= low && x <= high)) return false;
    }
    return true;
  }

  /** Works out which trials the filters and the brushes leave. */
  select() {
    this.filtered = new Uint8Array(this.n);  // by the filters alone: what parallel coordinates draw
    this.selected = new Uint8Array(this.n);  // by both: what everything else shows
    this.nSelected = 0;
    for (let row = 0; row < this.n; ++row) {
      this.filtered[row] = this.passesFilters(row) ? 1 : 0;
      this.selected[row] = this.filtered[row] && this.passesBrush(row) ? 1 : 0;
      this.nSelected += this.selected[row];
    }
    this.nFiltered = this.filtered.reduce((n, x) => n + x, 0);
  }

  isBetter(a, b) { return this.maximize ? a > b : a < b; }

  /** The row of the best trial among the selected ones, or -1; ties by number. */
  best() {
    const { value, number } = this.trials;
    let best = -1;
    for (let row = 0; row < this.n; ++row) {
      if (!this.selected[row] || value[row] === null) continue;
      if (best < 0 || this.isBetter(value[row], value[best]) || (value[row] === value[best] && number[row] < number[best])) best = row;
    }
    return best;
  }

  /** The hyperparameters' columns, those that matter most first. */
  byImportance() {
    const place = new Map(this.importance.shares.map((each, i) => [each.name, i]));
    const of = (column) => place.has(column.label) ? place.get(column.label) : place.size;
    return [...this.parameterColumns].sort((a, b) => of(a) - of(b));
  }
}
