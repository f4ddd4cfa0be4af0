"""What the tests of pages share: a browser for all tests of a file, sweeps to look at, and what a reader does in a page."""
import csv
import os
import subprocess
import sys
import tempfile
import unittest

from webdriver import Browser, is_installed

PROGRAM, MAKE_SWEEP, SOURCE = (sys.argv[1:4] + [""] * 3)[:3]


def lockstep(*arguments, cwd=None):
    done = subprocess.run([PROGRAM, *arguments], cwd=cwd, capture_output=True, text=True)
    if done.returncode != 0:
        raise AssertionError(f"lockstep {' '.join(arguments)}: exit code {done.returncode}: {done.stderr}")
    return done.stdout


def digits_sweep(directory, n_trials=40, epochs=12, *arguments):
    """A real sweep, small; returns the rows of its trials.csv."""
    lockstep("run", os.path.join(SOURCE, "examples/digits_mlp.yml"), "--max-total-trials", str(n_trials), "--set", f"trial.epochs={epochs}",
             "--seed", "7", "--quiet", "--output", directory, *arguments)
    with open(os.path.join(directory, "trials.csv"), newline="") as file:
        return list(csv.DictReader(file))


class PageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="lockstep-pages-")
        cls.addClassCleanup(cls.folder.cleanup)
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.quit)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def open(self, url):
        self.browser.viewport(1300, 900)
        self.browser.colours("light")
        self.browser.open(url)
        self.settle("curves")

    def settle(self, *charts):
        """Scrolls to each chart and waits until all on the screen are drawn."""
        for chart in charts:
            self.browser.run("document.getElementById(arguments[0]).scrollIntoView({block: 'center'})", chart)
            self.browser.wait("hasPlotly && !staleCharts.has(arguments[0]) && document.documentElement.dataset.drawn", chart, seconds=180)

    def value(self, expression, *arguments):
        return self.browser.run(f"return ({expression})", *arguments)

    def box(self, expression):
        """x, y, width, height of an element in the viewport."""
        return self.value(f"(() => {{ const r = ({expression}).getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; }})()")

    def column(self, name):
        """The texts of a column of the table, as far as its page shows them."""
        return self.value("""(() => {
          const place = [...document.querySelectorAll('#trials-head th')].findIndex((th) => th.textContent.replace(/ [▲▼]$/, '') === arguments[0]);
          return [...document.querySelectorAll('#trials-body tr')].map((tr) => tr.children[place].textContent);
        })()""".replace("arguments[0]", repr(name)))

    def assert_quiet(self):
        self.assertEqual(self.browser.errors(), [])


def main():
    if not is_installed():
        print("SKIPPED: no chromium and chromedriver; `scripts/deps --browser` installs them as root")
        sys.exit(77)
    del sys.argv[1:4]
    unittest.main(verbosity=2)
