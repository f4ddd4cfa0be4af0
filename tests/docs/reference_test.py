#!/usr/bin/env python3
"""docs/reference-*.md are what the program says of itself. With LOCKSTEP_WRITE_DOCS=1 they are written anew instead.

Arguments: the program, the source."""
import os
import subprocess
import sys

PROGRAM, SOURCE = sys.argv[1:]
WRITTEN = ("Written by the program that reads it, so it cannot be out of date: `tests/docs/reference_test.py` compares, and "
           "`LOCKSTEP_WRITE_DOCS=1 ctest --test-dir build -R Docs.Reference` writes it anew.")
PAGES = {
    "command-line": ("reference-cli.md", "# Reference: the command line",
                     "Every command and its options, as `lockstep COMMAND --help` has them; [the command line](cli.md) says what they are for."),
    "sweep-file": ("reference-sweep-file.md", "# Reference: the sweep file",
                   "Every key that a sweep file may have; [the sweep file](sweep-file.md) says what they are for. Any other key is refused, with the nearest that there is."),
}

wrong = []
for what, (name, title, about) in PAGES.items():
    text = subprocess.run([PROGRAM, "reference", what], check=True, capture_output=True, text=True).stdout
    text = f"{title}\n\n{about} {WRITTEN}\n\n{text}"
    path = os.path.join(SOURCE, "docs", name)
    if os.environ.get("LOCKSTEP_WRITE_DOCS"):
        with open(path, "w") as file:
            file.write(text)
        continue
    try:
        with open(path) as file:
            if file.read() != text:
                wrong.append(name)
    except FileNotFoundError:
        wrong.append(name)
if wrong:
    sys.exit(f"not what the program says: docs/{', docs/'.join(wrong)}; write them anew with LOCKSTEP_WRITE_DOCS=1 ctest --test-dir build -R Docs.Reference")
