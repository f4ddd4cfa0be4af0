#!/usr/bin/env python3
"""Draws docs/images/flow.svg: how a configuration flows from a sweep file to a trial that has ended. Every box is a function that this script
finds in the sources, every arrow calls that it finds in the callers' bodies; where one is gone it fails, and says which. It also fails when the
picture is not the one in docs/, which LOCKSTEP_WRITE_DOCS=1 writes anew.

Argument: the source."""
import html
import os
import re
import sys

SOURCE = sys.argv[1]
LANES = [("The program", "src/cli, src/store, src/report"), ("The interval loop", "src/core: knows neither LibTorch nor CUDA"),
         ("Modules as batches", "src/torch: slots and tiles"), ("Device algorithms", "cuda/: one text for host and GPU")]
COLOURS = ["#f3f4f6", "#e8f0fe", "#e9f7ef", "#fff4e5"]
EDGES = ["#9ca3af", "#5b8def", "#4caf7d", "#e0943a"]
WIDTH, HEIGHT, LANE, ROW, LEFT, TOP = 268, 62, 352, 84, 40, 132

# name: (lane, row, title, caption, file, how its definition begins)
BOXES = {
    "run": (0, 0, "run", "lockstep run sweep.yml", "src/cli/run.cpp", r"void run\(const RunOptions"),
    "parse": (1, 0, "parse_sweep", "every key checked before anything trains", "src/core/sweep_file.cpp", r"SweepSpec parse_sweep\("),
    "space": (1, 1, "read_search_space", "hyperparameters and distributions", "src/core/search_space_file.cpp", r"SearchSpace read_search_space\("),
    "sample": (1, 2, "sample", "configuration k hangs on seed and k alone", "src/core/sampling.cpp", r"Configurations sample\(const Backend& backend, const Context& context, const Sampling"),
    "random": (3, 2, "sample_random", "a draw a hyperparameter, by Philox", "cuda/sampling/random_sampling.cu", r"void sample_random\("),
    "training": (0, 3, "Training", "the task that the file names", "src/cli/training.cpp", r"State\(const SweepSpec& spec"),
    "executor": (2, 3, "TorchExecutor", "memory and tiles are planned", "src/torch/executor.cpp", r"TorchExecutor\(const Task& task"),
    "cohorts": (2, 4, "find_cohorts", "trials whose tensors have equal shapes", "src/torch/cohorts.cpp", r"std::vector<Cohort> find_cohorts\("),
    "train_sweep": (0, 4, "train_sweep", "journal, progress, checkpoints", "src/cli/sweep_run.cpp", r"void train_sweep\("),
    "loop": (1, 4, "SweepLoop::run", "intervals until the limits", "src/core/sweep_loop.cpp", r"SweepResult run\(\)"),
    "step": (1, 5.4, "SweepLoop::step", "one interval of all trials in slots", "src/core/sweep_loop.cpp", r"std::optional<SweepEnd> step\(\)"),
    "start": (1, 6.4, "SweepLoop::start", "newcomers get their slots", "src/core/sweep_loop.cpp", r"void start\(IntervalReport"),
    "place": (2, 6.4, "TorchExecutor::start", "a row in a tile of their cohort", "src/torch/executor.cpp", r"void start\(std::span<const Placement> placements\) override"),
    "seam": (1, 7.4, "Executor::train_interval", "the seam: a simulator does as well", "include/lockstep/executor.h", r"virtual void train_interval\(double\* metrics\)"),
    "interval": (2, 7.4, "TorchExecutor::train_interval", "a worker a core, a stream a tile", "src/torch/executor.cpp", r"void train_interval\(double\* metrics\) override"),
    "settle": (2, 8.4, "Place::settle", "newcomers take free rows; none left: compact", "src/torch/place.cpp", r"void Place::settle\("),
    "compact": (3, 8.4, "compact_rows", "weights and optimiser state move as rows", "cuda/slots/row_moves.cu", r"void compact_rows\("),
    "epoch": (2, 9.4, "Tile::train_epoch", "forward, loss and gradient of all trials at once", "src/torch/tile.cpp", r"void Tile::train_epoch\("),
    "adam": (3, 9.4, "adam_update", "per-trial hyperparameters (or sgd_update)", "cuda/optim/adam.cu", r"void adam_update\("),
    "score": (2, 10.4, "Tile::score", "the validation part", "src/torch/tile.cpp", r"torch::Tensor Tile::score\("),
    "reduce": (3, 10.4, "reduce_metric", "a trial's mean, in a fixed order", "cuda/metrics/reduce_metric.cu", r"void reduce_metric\("),
    "decide": (1, 11.4, "Decisions::decide", "one pass, from one snapshot", "src/core/decisions.cpp", r"DecisionLog Decisions::decide\("),
    "pass": (3, 11.4, "decide", "the whole of an interval's decisions", "cuda/slots/decide.cu", r"void decide\("),
    "record": (3, 12.4, "record_metrics", "history, best and average so far", "cuda/metrics/history.cu", r"void record_metrics\("),
    "policy": (3, 13.4, "median_stopping", "or another of the seven policies", "cuda/early_stopping/median_stopping.cu", r"void median_stopping\("),
    "refill": (3, 14.4, "refill", "a freed slot goes to the next trial", "cuda/slots/refill.cu", r"void refill\("),
    "end": (1, 12.4, "SweepLoop::end_trials", "stopped, finished, diverged: with a reason", "src/core/sweep_loop.cpp", r"void end_trials\("),
    "retire": (2, 12.4, "TorchExecutor::retire", "the row is free", "src/torch/executor.cpp", r"void retire\(std::span<const int64_t> trials\) override"),
    "newcomers": (1, 13.4, "SweepLoop::find_newcomers", "who was given a slot", "src/core/sweep_loop.cpp", r"void find_newcomers\("),
    "tell": (1, 14.4, "SweepLoop::tell", "what happened, to the observers", "src/core/sweep_loop.cpp", r"void tell\("),
    "journal": (0, 14.4, "Journal::on_interval", "queued; training does not wait", "src/store/journal.cpp", r"void Journal::on_interval\("),
    "writer": (0, 13.4, "JournalWriter::write_interval", "sweep.db, in a transaction", "src/store/journal_writer.cpp", r"void JournalWriter::write_interval\("),
    "results": (0, 6.4, "export_results", "trials.csv, best.json", "src/store/export.cpp", r"void export_results\("),
    "report": (0, 7.4, "write_report", "report.html, one page", "src/report/report_page.cpp", r"void write_report\("),
}
# Functions that are passed through without a box.
THROUGH = {
    "load": ("src/cli/main.cpp", r"SweepSpec SweepFileOptions::load\("),
    "load_file": ("src/core/sweep_file.cpp", r"SweepSpec load_sweep_file\("),
    "read_space": ("src/core/sweep_file.cpp", r"SweepSpec read_space\("),
    "sample_all": ("src/core/sampling.cpp", r"Configurations sample\(const Backend& backend, const Context& context, const SweepSpec"),
    "draw": ("src/core/sampling.cpp", r"void Sampler::draw\("),
    "make": ("src/torch/executor.cpp", r"std::unique_ptr<TaskExecutor> make_torch_executor\("),
    "run_sweep": ("src/core/sweep_loop.cpp", r"SweepResult run_sweep\(const SweepSpec& spec, const Configurations&"),
    "conclude": ("src/core/sweep_loop.cpp", r"void conclude\("),
    "keep_slots": ("src/torch/tile.cpp", r"void Tile::keep_slots\("),
    "train_on": ("src/torch/tile.cpp", r"void Tile::train_on\("),
    "train_step": ("src/torch/tile.cpp", r"torch::Tensor Tile::train_step\("),
    "row_step": ("src/torch/row_optimizer.cpp", r"void RowOptimizer::step\("),
    "score_now": ("src/torch/tile.cpp", r"torch::Tensor Tile::score_now\("),
    "judge": ("cuda/slots/decide.cu", r"void judge\("),
    "enqueue": ("src/store/journal.cpp", r"void Journal::run_writer\("),
    "write": ("src/store/journal.cpp", r"void Journal::write\("),
    "report_or_warn": ("src/cli/sweep_run.cpp", r"void write_report_or_warn\("),
}
# from, to, the calls on the way: (whose body, what it calls), how it is drawn
ARROWS = [
    ("run", "parse", [("run", r"sweep\.load\("), ("load", r"load_sweep_file\("), ("load_file", r"parse_sweep\(")], "right"),
    ("parse", "space", [("parse", r"read_space\("), ("read_space", r"read_search_space\(")], "down"),
    ("run", "sample", [("run", r"sample\(host_backend\(\)"), ("sample_all", r"sample\(backend")], "elbow"),
    ("sample", "random", [("sample", r"sampler\.draw\("), ("draw", r"backend\.sample_random")], "right"),
    ("run", "training", [("run", r"Training training\(")], "down"),
    ("training", "executor", [("training", r"make_torch_executor\("), ("make", r"TorchExecutor")], "right"),
    ("executor", "cohorts", [("executor", r"find_cohorts\(")], "down"),
    ("run", "train_sweep", [("run", r"train_sweep\(")], "bus"),
    ("train_sweep", "loop", [("train_sweep", r"run_sweep\("), ("run_sweep", r"SweepLoop\([^;]*\.run\(\)")], "right"),
    ("loop", "step", [("loop", r"step\(\)")], "down"),
    ("step", "start", [("step", r"start\(report\)")], "down"),
    ("start", "place", [("start", r"executor_\.start\(")], "right"),
    ("step", "seam", [("step", r"executor_\.train_interval\(")], "bus"),
    ("seam", "interval", [("interval", r"place\.settle")], "right"),
    ("interval", "settle", [("interval", r"\.settle\(")], "down"),
    ("settle", "compact", [("settle", r"keep_slots\("), ("keep_slots", r"backend_\.compact_rows\(")], "right"),
    ("interval", "epoch", [("interval", r"train_epoch\(")], "bus"),
    ("epoch", "adam", [("epoch", r"train_on\("), ("train_on", r"train_step\("), ("train_step", r"optimizer_->step\("), ("row_step", r"backend\.adam_update\(")], "right"),
    ("interval", "score", [("interval", r"score\(")], "bus"),
    ("score", "reduce", [("score", r"score_now\("), ("score_now", r"backend_\.reduce_metric\(")], "right"),
    ("step", "decide", [("step", r"decisions_\.decide\(")], "bus"),
    ("decide", "pass", [("decide", r"backend_\.decide\(")], "right"),
    ("pass", "record", [("pass", r"record_metrics\(")], "down"),
    ("pass", "policy", [("pass", r"judge\("), ("judge", r"median_stopping\(")], "bus"),
    ("pass", "refill", [("pass", r"refill\(")], "bus"),
    ("step", "end", [("step", r"conclude\("), ("conclude", r"end_trials\(")], "bus"),
    ("end", "retire", [("end", r"executor_\.retire\(")], "right"),
    ("step", "newcomers", [("step", r"conclude\("), ("conclude", r"find_newcomers\(")], "bus"),
    ("newcomers", "start", [("newcomers", r"newcomers_\.push_back\("), ("start", r"newcomers_")], "again"),
    ("step", "tell", [("step", r"tell\(")], "bus"),
    ("tell", "journal", [("tell", r"on_interval\(")], "left"),
    ("journal", "writer", [("journal", r"enqueue\("), ("enqueue", r"write\(batch\)"), ("write", r"write_interval\(")], "up"),
    ("train_sweep", "results", [("train_sweep", r"export_results\(")], "down"),
    ("train_sweep", "report", [("train_sweep", r"write_report_or_warn\("), ("report_or_warn", r"write_report\(")], "bus"),
]

problems = []


def body(file, pattern, name):
    """The function's text, from its name to its closing brace; of a declaration that line."""
    try:
        with open(os.path.join(SOURCE, file)) as source:
            text = source.read()
    except FileNotFoundError:
        problems.append(f"{name}: there is no {file}")
        return None
    for found in re.finditer(pattern, text):
        depth = 0
        end = found.end()
        while end < len(text):
            if text[end] == "(":
                depth += 1
            elif text[end] == ")":
                depth -= 1
            elif text[end] == "{":
                break
            elif text[end] == ";" and depth <= 0:
                break
            end += 1
        if end == len(text) or text[end] == ";":
            if "virtual" in found.group(0):
                return text[found.start():end]
            continue
        # A constructor's initialisers have braces of their own: its body is what no comma or brace follows.
        start, depth = end, 0
        while end < len(text):
            depth += (text[end] == "{") - (text[end] == "}")
            closed = text[end] == "}" and depth == 0
            end += 1
            if closed and not text[end:].lstrip().startswith((",", "{")):
                break
        return text[start:end]
    problems.append(f"{name}: {file} defines no '{pattern}'")
    return None


BODIES = {name: body(box[4], box[5], name) for name, box in BOXES.items()}
BODIES.update({name: body(file, pattern, name) for name, (file, pattern) in THROUGH.items()})
for origin, target, hops, _ in ARROWS:
    for caller, call in hops:
        if BODIES[caller] is not None and not re.search(call, BODIES[caller]):
            problems.append(f"{origin} -> {target}: the body of {caller} has no '{call}'")
if problems:
    sys.exit("the picture of the flow is not what the code does; change it in tests/docs/flow.py:\n  " + "\n  ".join(problems))


def at(name):
    lane, row = BOXES[name][:2]
    return LEFT + lane * LANE, TOP + row * ROW


def text(x, y, words, size, colour="#111827", weight="normal", anchor="start", family="sans"):
    fonts = {"sans": "'DejaVu Sans', Verdana, sans-serif", "mono": "'DejaVu Sans Mono', Menlo, monospace"}[family]
    return (f'<text x="{x:g}" y="{y:g}" font-family="{fonts}" font-size="{size}" font-weight="{weight}" fill="{colour}" '
            f'text-anchor="{anchor}">{html.escape(words)}</text>')


def path(points, dashed=False):
    line = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
    return f'<path d="{line}" fill="none" stroke="#4b5563" stroke-width="1.5" {"stroke-dasharray=" + chr(34) + "5 4" + chr(34) if dashed else ""} marker-end="url(#tip)"/>'


def arrow(origin, target, how):
    (ax, ay), (bx, by) = at(origin), at(target)
    middle = HEIGHT / 2
    if how == "right":
        return path([(ax + WIDTH, ay + middle), (bx - 3, by + middle)])
    if how == "left":
        return path([(ax, ay + HEIGHT * 0.8), (bx + WIDTH + 3, by + HEIGHT * 0.8)])
    if how == "down":
        return path([(ax + WIDTH / 2, ay + HEIGHT), (bx + WIDTH / 2, by - 3)])
    if how == "up":
        return path([(ax + WIDTH / 2, ay), (bx + WIDTH / 2, by + HEIGHT + 3)])
    if how == "bus":  # down the left side of the lane
        return path([(ax, ay + middle), (ax - 18, ay + middle), (bx - 18, by + middle), (bx - 3, by + middle)])
    if how == "elbow":
        return path([(ax + WIDTH, ay + HEIGHT * 0.8), (ax + WIDTH + 30, ay + HEIGHT * 0.8), (ax + WIDTH + 30, by + middle), (bx - 3, by + middle)])
    return path([(ax + WIDTH, ay + middle), (ax + WIDTH + 26, ay + middle), (ax + WIDTH + 26, by + HEIGHT * 0.8), (bx + WIDTH + 3, by + HEIGHT * 0.8)], dashed=True)


rows = max(box[1] for box in BOXES.values())
width, height = LEFT * 2 + LANE * 3 + WIDTH, int(TOP + (rows + 1) * ROW + 30)
out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
       '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 L10 5 L0 10 z" fill="#4b5563"/></marker></defs>',
       f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
       text(LEFT, 40, "From a sweep file to a trial that has ended", 22, weight="bold"),
       text(LEFT, 64, "Boxes are functions, solid arrows are calls: tests/docs/flow.py finds both in the sources, and draws this.", 12.5, "#6b7280")]
for lane, (name, where) in enumerate(LANES):
    x = LEFT + lane * LANE
    out += [text(x, 98, name, 15, EDGES[lane] if lane else "#6b7280", "bold"), text(x, 115, where, 11.5, "#6b7280")]
loop_top, loop_bottom = TOP + 5.4 * ROW - 26, TOP + 14.4 * ROW + HEIGHT + 16
out += [f'<rect x="{LEFT + LANE - 34}" y="{loop_top:g}" width="{width - LEFT - LANE + 14}" height="{loop_bottom - loop_top:g}" rx="10" fill="none" stroke="#5b8def" stroke-dasharray="2 5" stroke-width="1.5"/>',
        text(width - 32, loop_top + 18, "once an interval", 12.5, "#5b8def", "bold", "end")]
out += [arrow(origin, target, how) for origin, target, _, how in ARROWS]
nx, ny = at("newcomers")
out.append(text(nx + WIDTH + 30, ny - ROW * 2.5, "next", 11, "#6b7280"))
out.append(text(nx + WIDTH + 30, ny - ROW * 2.5 + 14, "interval", 11, "#6b7280"))
for lane, row, title, caption, file, _ in BOXES.values():
    x, y = LEFT + lane * LANE, TOP + row * ROW
    out += [f'<rect x="{x:g}" y="{y:g}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="{COLOURS[lane]}" stroke="{EDGES[lane]}" stroke-width="1.3"/>',
            text(x + 12, y + 21, title, 13.5, weight="bold", family="mono"), text(x + 12, y + 38, caption, 10.5, "#374151"),
            text(x + 12, y + 53, file, 9.5, "#6b7280", family="mono")]
out.append("</svg>")
svg = "\n".join(out) + "\n"

picture = os.path.join(SOURCE, "docs/images/flow.svg")
if os.environ.get("LOCKSTEP_WRITE_DOCS"):
    with open(picture, "w") as file:
        file.write(svg)
else:
    with open(picture) as file:
        if file.read() != svg:
            sys.exit("docs/images/flow.svg is not what tests/docs/flow.py draws; write it anew with LOCKSTEP_WRITE_DOCS=1 ctest --test-dir build -R Docs.Flow")
