#!/usr/bin/env python3
"""The code in the documentation: every fenced block is run, compiled or validated by its language, and one of another language is an error. A
block without a language is output, not code.

  blocks.py run PAGE SOURCE PREFIX CMAKE INITIAL-CACHE [PYTHON-FOLDER...]   all but C++, in order, in an empty folder
  blocks.py cpp SOURCE OUT                                            every page's C++, as one program that runs what has a main()

sh      run, with the installed program in PATH
yaml    `lockstep validate`; what is no whole sweep takes the place of its keys in a sweep of digits (BASE)
cpp     compiled at namespace scope
cmake   configured, as a project's CMakeLists.txt, against the prefix
python  run; compiled alone where a package is missing
sql     run on the page's sweep.db
json    parsed

HTML comments above a block change that; readers do not see them:

<!-- test: skip WHY -->               not run: it would install something, or take minutes
<!-- test: file NAME -->              also written to this file of the page's folder
<!-- test: setup COMMANDS -->         shell commands to run before it (several lines); $SOURCE is the repository
<!-- test: base YAML -->              the sweep that a fragment is put into, instead of BASE
<!-- test: under KEY -->              the fragment's keys belong under this one
<!-- test: each line -->              every line is a fragment of its own
<!-- test: program NAME N -->         part N of a C++ program that the page shows in pieces
<!-- test: around TEXT -->            what is around a fragment, with BLOCK in its place; TEXT may be the name of a file in tests/docs
"""
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile

BASE = """type: sweep
trial:
  model: mlp
  dataset: digits
  epochs: 81
search_space:
  lr: {type: loguniform, min_value: -6, max_value: -1}
  dropout: {type: uniform, min_value: 0, max_value: 0.5}
objective: {goal: maximize, primary_metric: accuracy}
limits: {max_total_trials: 200}
"""
LANGUAGES = ("sh", "yaml", "cpp", "cmake", "python", "sql", "json")
TIMEOUT_S = 240


class Failure(Exception):
    pass


class Block:
    def __init__(self, page, line, language, text, notes):
        self.where = f"{page}:{line}"
        self.language = language
        self.text = text
        self.notes = {}  # what the comments above say, by their first word
        for note in notes:
            word, rest = re.match(r"(each line|\S+)\s?(.*)", note.strip(), flags=re.S).groups()
            self.notes[word] = rest.strip("\n")
        unknown = set(self.notes) - {"skip", "file", "setup", "base", "under", "each line", "program", "around"}
        if unknown:
            raise Failure(f"{self.where}: no such note: {', '.join(unknown)}")
        if "skip" in self.notes and len(self.notes["skip"].split()) < 3:
            raise Failure(f"{self.where}: say why it is skipped")


def blocks_of(source, page):
    """The page's blocks that have a language."""
    with open(os.path.join(source, page)) as file:
        lines = file.read().split("\n")
    found, notes, at = [], [], 0
    while at < len(lines):
        line = lines[at]
        if line.startswith("<!-- test:"):
            note = line[len("<!-- test:"):]
            while "-->" not in note:
                at += 1
                if at == len(lines):
                    raise Failure(f"{page}: a comment has no end")
                note += "\n" + lines[at]
            notes.append(note[:note.index("-->")].strip(" "))
        elif re.match(r" *(```|:::)", line):
            fence = line.strip()[:3]
            language = line.strip()[3:].strip()
            indent, start = len(line) - len(line.lstrip()), at + 1
            at += 1
            while at < len(lines) and lines[at].strip() != fence:
                at += 1
            if at == len(lines):
                raise Failure(f"{page}:{start}: the block has no end")
            text = "\n".join(each[indent:] for each in lines[start:at]) + "\n"
            directive = language.startswith("{")  # of the site: scripts/docs builds it
            if language and not directive:
                if language not in LANGUAGES:
                    raise Failure(f"{page}:{start}: a block of '{language}', which nothing checks; it can be {', '.join(LANGUAGES)}, or "
                                  "output without a language")
                found.append(Block(page, start, language, text, notes))
            elif notes and not directive:
                raise Failure(f"{page}:{start}: output takes no notes")
            notes = []
        elif line.strip() and notes:
            raise Failure(f"{page}:{at + 1}: a note stands above no block")
        at += 1
    return found


def pages_of(source):
    pages = ["README.md", "CONTRIBUTING.md"]
    pages += sorted("docs/" + name for name in os.listdir(os.path.join(source, "docs")) if name.endswith(".md"))
    examples = os.path.join(source, "examples")
    pages += sorted(f"examples/{name}/README.md" for name in os.listdir(examples) if os.path.exists(os.path.join(examples, name, "README.md")))
    return pages


def around(source, block):
    """The block's text in what is around it."""
    frame = block.notes.get("around", "BLOCK")
    path = os.path.join(source, "tests/docs", frame)
    if "BLOCK" not in frame:
        with open(path) as file:
            frame = file.read()
    if not re.search(r"\bBLOCK\b", frame):
        raise Failure(f"{block.where}: what is around it has no place for the BLOCK")
    return re.sub(r"^([ ]*)BLOCK\b", lambda found: "".join(found.group(1) + line + "\n" if line else "\n" for line in block.text.rstrip("\n").split("\n")).rstrip("\n"), frame, flags=re.M)


# C++

def write_cpp(source, out):
    units, programs = [], {}
    for page in pages_of(source):
        for block in blocks_of(source, page):
            if block.language != "cpp" or "skip" in block.notes:
                continue
            if "program" in block.notes:
                name = page + " " + block.notes["program"].split()[0]
                if name not in programs:
                    programs[name] = [block.where, ""]
                    units.append(programs[name])
                programs[name][1] += block.text
            else:
                units.append([block.where, around(source, block)])
    includes, spaces, calls = set(), [], []
    for number, (where, text) in enumerate(units):
        includes.update(re.findall(r"^#include .*$", text, flags=re.M))
        text = re.sub(r"^#include .*$", "", text, flags=re.M)
        main = re.search(r"\bint main\((.*?)\)", text)
        if main:  # in a namespace it has to return
            end, depth = text.index("{", main.end()), 0
            while True:
                depth += (text[end] == "{") - (text[end] == "}")
                if depth == 0:
                    break
                end += 1
            text = text[:end] + "return 0; " + text[end:]
        spaces.append(f'namespace block_{number} {{\n#line 1 "{where}"\n{text}}}\n')
        if main:
            arguments = "1, arguments" if main.group(1) else ""
            calls.append(f'  if (wanted("{where}")) failed += block_{number}::main({arguments}) == 0 ? 0 : (std::puts("{where} failed"), 1);\n')
    text = "".join(sorted(line + "\n" for line in includes | {"#include <cstdio>", "#include <cstring>"})) + "\n" + "\n".join(spaces)
    text += ('\n#line 1 "blocks"\nint main(int argc, char** argv) {\n  char name[] = "block";\n  char* arguments[] = {name, nullptr};\n  (void)arguments;\n'
             "  const auto wanted = [&](const char* where) { return argc < 2 || std::strstr(where, argv[1]) != nullptr; };\n  int failed = 0;\n" + "".join(calls) +
             f'  std::printf("{len(calls)} of {len(units)} blocks have a main; %d failed\\n", failed);\n  return failed;\n}}\n')
    try:
        with open(out) as file:
            if file.read() == text:
                return  # and nothing is compiled anew
    except FileNotFoundError:
        pass
    with open(out, "w") as file:
        file.write(text)


# Everything else

def section(lines, key, indent):
    """Where `key:` begins and ends among lines of that indentation."""
    for start, line in enumerate(lines):
        if re.match(rf"^ {{{indent}}}{re.escape(key)}:", line):
            end = start + 1
            while end < len(lines) and (not lines[end].strip() or lines[end].startswith(" " * (indent + 1))):
                end += 1
            return start, end
    return None


def put_into(base, fragment, under):
    lines = base.rstrip("\n").split("\n")
    indent, at = 0, len(lines)
    if under:
        start, at = section(lines, under, 0)
        indent = 2
    for key in re.findall(r"^([\w$.-]+):", fragment, flags=re.M):
        place = section(lines[start + 1:at] if under else lines, key, indent)
        if place:
            offset = start + 1 if under else 0
            del lines[offset + place[0]:offset + place[1]]
            at -= place[1] - place[0]
    lines[at:at] = [" " * indent + line for line in fragment.rstrip("\n").split("\n")]
    return "\n".join(lines) + "\n"


class Page:
    def __init__(self, source, page, prefix, cmake, cache, python_folders, folder):
        self.source, self.page, self.prefix, self.cmake, self.cache, self.folder = source, page, prefix, cmake, cache, folder
        self.environment = dict(os.environ, SOURCE=source, PATH=os.path.join(prefix, "bin") + ":" + os.environ["PATH"], HOME=folder, COLUMNS="100",
                                PYTHONPATH=":".join(python_folders), PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8")

    def call(self, block, command, **more):
        run = subprocess.run(command, cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=TIMEOUT_S, **more)
        if run.returncode != 0:
            raise Failure(f"{block.where}: {command[0]} ended with {run.returncode}:\n{run.stdout}")
        return run.stdout

    def shell(self, block, text):
        return self.call(block, ["bash", "-euo", "pipefail", "-c", text])

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def run(self):
        count = 0
        for block in blocks_of(self.source, self.page):
            if "skip" in block.notes or block.language == "cpp":
                continue
            if "setup" in block.notes:
                self.shell(block, block.notes["setup"])
            if "file" in block.notes:
                self.write(block.notes["file"].strip(), block.text)
            getattr(self, "run_" + block.language)(block)
            count += 1
        print(f"{self.page}: {count} blocks")

    def run_sh(self, block):
        self.shell(block, around(self.source, block))

    def run_yaml(self, block):
        if re.search(r"^type: sweep", block.text, flags=re.M):
            sweeps = [block.text]
        else:
            base = block.notes.get("base", BASE).lstrip("\n") + "\n"
            under = block.notes.get("under", "").strip()
            fragments = block.text.rstrip("\n").split("\n") if "each line" in block.notes else [block.text]
            sweeps = [put_into(base, fragment, under) for fragment in fragments]
        for sweep in sweeps:
            self.write("block.yml", sweep)
            self.call(block, ["lockstep", "validate", "block.yml"])

    def run_cmake(self, block):
        project = tempfile.mkdtemp(dir=self.folder)
        with open(os.path.join(project, "CMakeLists.txt"), "w") as file:
            file.write(block.text)
        with open(os.path.join(project, "main.cpp"), "w") as file:
            file.write("int main() {}\n")
        self.call(block, [self.cmake, "-G", "Ninja", "-C", self.cache, "-S", project, "-B", os.path.join(project, "build")])

    def run_python(self, block):
        text = around(self.source, block)
        compile(text, block.where, "exec")
        run = subprocess.run([sys.executable, "-c", text], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=TIMEOUT_S)
        missing = re.search(r"(ModuleNotFoundError|ImportError): .*", run.stderr)
        if missing:
            print(f"{block.where}: compiled, not run: {missing.group(0)}")
        elif run.returncode != 0:
            raise Failure(f"{block.where}: python ended with {run.returncode}:\n{run.stderr}")

    def run_sql(self, block):
        databases = sorted(os.path.join(root, name) for root, _, names in os.walk(self.folder) for name in names if name == "sweep.db")
        if not databases:
            raise Failure(f"{block.where}: the page has no sweep.db; make one with a setup")
        for statement in block.text.split(";"):
            if statement.strip():
                rows = sqlite3.connect(databases[0]).execute(statement).fetchall()
                if not rows:
                    raise Failure(f"{block.where}: gives no rows:{statement}")

    def run_json(self, block):
        json.loads(block.text)


def main():
    what, *arguments = sys.argv[1:]
    try:
        if what == "cpp":
            write_cpp(*arguments)
        else:
            page, source, prefix, cmake, cache, *python_folders = arguments
            with tempfile.TemporaryDirectory() as folder:
                Page(source, page, prefix, cmake, cache, python_folders, folder).run()
    except (Failure, subprocess.TimeoutExpired) as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
