#!/usr/bin/env python3
"""That blocks.py refuses what does not run. Arguments: a prefix with the program."""
import os
import subprocess
import sys
import tempfile
import unittest

PREFIX = sys.argv[1]
SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "blocks.py")


def check(text):
    """Exit status and message for a page of this text."""
    with tempfile.TemporaryDirectory() as source:
        os.makedirs(os.path.join(source, "tests/docs"))
        with open(os.path.join(source, "page.md"), "w") as file:
            file.write(text)
        run = subprocess.run([sys.executable, SCRIPT, "run", "page.md", source, PREFIX, "cmake", "none"], capture_output=True, text=True)
        return run.returncode, run.stdout + run.stderr


class Blocks(unittest.TestCase):
    def refused(self, text, *parts):
        status, output = check(text)
        self.assertEqual(status, 1, output)
        for part in parts:
            self.assertIn(part, output)

    def accepted(self, text, n_blocks):
        self.assertEqual(check(text), (0, f"page.md: {n_blocks} blocks\n"))

    def test_runs_in_order_and_leaves_output_alone(self):
        self.accepted("```sh\necho 1 > a\n```\n\n```\nnot code\n```\n\n```sh\ngrep 1 a\n```\n", 2)

    def test_refuses_a_command_that_fails_and_says_where(self):
        self.refused("text\n\n```sh\ntrue\nfalse | cat\n```\n", "page.md:3: bash ended with 1")

    def test_refuses_a_language_that_nothing_checks(self):
        self.refused("```ruby\nputs 1\n```\n", "page.md:1: a block of 'ruby', which nothing checks")

    def test_refuses_notes_that_mean_nothing(self):
        self.refused("<!-- test: skipp it is slow -->\n```sh\nfalse\n```\n", "no such note: skipp")
        self.refused("<!-- test: skip slow -->\n```sh\nfalse\n```\n", "say why")
        self.refused("<!-- test: file a -->\n\nnothing\n", "a note stands above no block")
        self.refused("<!-- test: setup\nfalse\n-->\n```\noutput\n```\n", "output takes no notes")
        self.accepted("<!-- test: skip it would take minutes -->\n```sh\nfalse\n```\n", 0)

    def test_validates_fragments_of_sweeps(self):
        self.accepted("```yaml\nearly_termination: {type: asha}\n```\n", 1)
        self.refused("```yaml\nearly_termination: {type: ashaa}\n```\n", "did you mean 'asha'?")
        self.accepted("<!-- test: under trial -->\n<!-- test: each line -->\n```yaml\ndataset: letter\ndataset: digits\n```\n", 1)
        self.refused("<!-- test: under trial -->\n<!-- test: each line -->\n```yaml\ndataset: letter\ndataset: digit\n```\n", "digit")

    def test_refuses_broken_python_sql_and_json(self):
        self.refused("```python\nimport\n```\n", "SyntaxError")
        self.refused("```python\n1 / 0\n```\n", "ZeroDivisionError")
        self.refused("```sql\nSELECT 1\n```\n", "has no sweep.db")
        self.refused("```json\n{\n```\n", "Expecting property name")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
