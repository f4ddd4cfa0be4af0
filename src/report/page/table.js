// The table of trials: sorted, filtered, a page at a time, so that ten thousand trials cost what a page costs.
"use strict";

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

class Table {
  /** @param onChoose called with a row when the reader chooses a trial */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.sortKey = "value";
    this.descending = null;  // null: the best first
    this.page = 0;
    this.size = 25;
    this.head = document.getElementById("trials-head");
    this.body = document.getElementById("trials-body");
    const go = (id, page) => document.getElementById(id).addEventListener("click", () => { this.page = page(); this.render(); });
    go("page-first", () => 0);
    go("page-previous", () => this.page - 1);
    go("page-next", () => this.page + 1);
    go("page-last", () => this.nPages() - 1);
    document.getElementById("page-size").addEventListener("change", (event) => {
      this.size = Number(event.target.value);
      this.page = 0;
      this.render();
    });
    this.body.addEventListener("click", (event) => {
      const line = event.target.closest("tr");
      if (line && !getSelection().toString()) this.onChoose(Number(line.dataset.row));
    });
  }

  nPages() { return Math.max(1, Math.ceil(this.order.length / this.size)); }

  /** Takes what the sweep selects, sorts it anew and shows it. */
  update(sweep) {
    this.sweep = sweep;
    if (!this.sweep.byKey.has(this.sortKey)) this.sortKey = "value";
    this.order = [];
    for (let row = 0; row < sweep.n; ++row) if (sweep.selected[row]) this.order.push(row);
    this.sort();
    this.render();
  }

  sort() {
    const { sweep } = this;
    const column = sweep.byKey.get(this.sortKey);
    const descending = this.descending ?? (this.sortKey === "value" && sweep.maximize);
    const sign = descending ? -1 : 1;
    const collator = new Intl.Collator(undefined, { numeric: true });
    const rank = column.kind === "category" ? categoryRanks(column, collator) : null;
    const key = (row) => rank ? (column.value(row) === null ? null : rank[column.value(row)]) : column.value(row);
    const keys = new Map(this.order.map((row) => [row, key(row)]));
    this.order.sort((a, b) => {
      const x = keys.get(a), y = keys.get(b);
      if (x !== y) {
        if (x === null || x === "") return 1;  // what is missing comes last either way
        if (y === null || y === "") return -1;
        const by = column.kind === "text" ? collator.compare(x, y) : x - y;
        if (by !== 0) return sign * by;
      }
      return sweep.trials.number[a] - sweep.trials.number[b];
    });
  }

  sortBy(key) {
    const best = key === "value" && this.sweep.maximize;
    const now = this.descending ?? (this.sortKey === "value" && this.sweep.maximize);
    this.descending = key === this.sortKey ? !now : best;
    this.sortKey = key;
    this.page = 0;
    this.sort();
    this.render();
    this.head.querySelector(`[data-key="${key}"] button`).focus();
  }

  render() {
    const { sweep } = this;
    this.page = Math.min(Math.max(0, this.page), this.nPages() - 1);
    const descending = this.descending ?? (this.sortKey === "value" && sweep.maximize);
    const focus = document.activeElement;
    const focused = this.head.contains(focus) ? `#trials-head [data-key="${focus.parentElement.dataset.key}"] button`
      : this.body.contains(focus) ? `#trials-body [data-row="${focus.closest("tr").dataset.row}"] button` : "";
    this.head.replaceChildren(...sweep.columns.map((column) => {
      const sorted = column.key === this.sortKey;
      const button = make("button", { type: "button", title: `Sort by ${shorten(column.label, 200)}` }, shorten(column.label, 60) + (sorted ? (descending ? " ▼" : " ▲") : ""));
      button.addEventListener("click", () => this.sortBy(column.key));
      return make("th", { scope: "col", className: column.kind === "number" ? "number" : "", "data-key": column.key,
                          "aria-sort": sorted ? (descending ? "descending" : "ascending") : "none" }, button);
    }));
    const first = this.page * this.size;
    const rows = this.order.slice(first, first + this.size);
    const lines = rows.map((row) => {
      const line = make("tr", { "data-row": row }, ...sweep.columns.map((column) => this.cell(column, row)));
      if (row === sweep.highlight) line.setAttribute("aria-current", "true");
      return line;
    });
    if (lines.length === 0) lines.push(make("tr", {}, make("td", { colSpan: sweep.columns.length }, "No trial is like that.")));
    this.body.replaceChildren(...lines);
    if (focused) document.querySelector(focused)?.focus({ preventScroll: true });
    const last = Math.min(this.order.length, first + this.size);
    document.getElementById("table-summary").textContent = this.order.length === 0 ? "no trials"
      : `${formatCount(first + 1)} to ${formatCount(last)} of ${formatCount(this.order.length)}`;
    for (const id of ["page-first", "page-previous"]) document.getElementById(id).disabled = this.page === 0;
    for (const id of ["page-next", "page-last"]) document.getElementById(id).disabled = this.page >= this.nPages() - 1;
  }

  cell(column, row) {
    const text = column.text(row);
    if (column.key === "number") return make("td", { className: "number" }, make("button", { type: "button", "aria-label": `Show trial ${text}` }, text));
    if (column.key === "state") return make("td", {}, make("span", { className: `state ${text}` }, text));
    const shown = text.length > 200 ? shorten(text, 200) : text;
    return make("td", { className: column.kind === "number" ? "number" : column.kind === "text" ? "wide" : "", title: column.kind === "number" ? "" : shown }, shown);
  }

  /** What is selected, in the table's order, as RFC 4180 has it; numbers in full. */
  csv() {
    const { sweep } = this;
    const field = (text) => /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    const raw = (column, row) => column.kind === "number" ? String(column.value(row) ?? "") : column.text(row);
    const lines = [sweep.columns.map((column) => field(column.label)).join(",")];
    for (const row of this.order) lines.push(sweep.columns.map((column) => field(raw(column, row))).join(","));
    return lines.join("\r\n") + "\r\n";
  }
}

/** The place of each category among the sorted ones. */
function categoryRanks(column, collator) {
  const order = column.categories.map((_, i) => i).sort((a, b) => collator.compare(column.categories[a], column.categories[b]));
  const ranks = [];
  order.forEach((category, place) => { ranks[category] = place; });
  return ranks;
}
