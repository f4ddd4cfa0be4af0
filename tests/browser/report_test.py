"""The report of a real sweep in a real browser: report_test.py LOCKSTEP MAKE_SWEEP SOURCE [unittest's arguments]"""
import math
import subprocess

from pages import MAKE_SWEEP, PageTest, digits_sweep, lockstep, main

AXIS = "[...document.querySelectorAll('#parallel .y-axis')].find((each) => $('parallel').data[0].dimensions[each.__data__.visibleIndex].name === '%s')"


class ReportOfDigits(PageTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.rows = digits_sweep(cls.folder.name + "/digits")

    def setUp(self):
        self.open(self.path("digits/report.html"))

    def key_of(self, name):
        return self.value("sweep.parameterColumns.find((column) => column.label === arguments[0]).key", name)

    def states(self, state):
        return [row for row in self.rows if row["state"] == state]

    def brush(self, name, low, high):
        """Brushes an axis of parallel coordinates from a part of its height to another, counted from below."""
        self.settle("parallel")
        x, y, width, height = self.box(AXIS % self.key_of(name) + ".querySelector('.axis-brush .background')")
        self.browser.drag((x + width / 2, y + height * (1 - low)), (x + width / 2, y + height * (1 - high)))
        self.browser.wait("sweep.brush.has(arguments[0])", self.key_of(name))
        self.settle("parallel")

    def test_opens_without_an_error_and_loads_nothing(self):
        self.settle("curves", "parallel", "scatter", "scatter3d")
        self.assertEqual(self.value("document.title"), "digits-mlp - Lockstep")
        self.assertEqual(self.value("performance.getEntriesByType('resource').length"), 0)
        self.assertEqual(self.value("document.querySelectorAll('.js-plotly-plot').length"), 4)
        self.assertEqual(self.value("document.querySelectorAll('[data-title^=\"Share\"]').length"), 0)  # plotly's upload
        self.assert_quiet()

    def test_shows_the_best_trial_and_what_became_of_all(self):
        best = max(self.rows, key=lambda row: (float(row["value"]), -int(row["number"])))
        text = self.value("$('best').textContent")
        for part in (best["number"], f"{float(best['value']):.5g}", best["params_optimizer"]):
            self.assertIn(part, text)
        self.assertIn(f"{len(self.states('PRUNED'))} stopped", self.value("$('tiles').textContent"))
        self.assertIn("median_stopping", self.value("$('stopping').textContent"))
        self.assertIn("median_stopping", self.value("$('file').textContent"))
        self.assertIn("--seed 7", self.value("$('reproduce').textContent"))
        self.assertEqual(self.value("document.querySelectorAll('#importance tbody tr').length"), 9 + 1)

    def test_draws_a_line_a_trial_and_marks_where_it_was_stopped(self):
        stopped = self.states("PRUNED")
        self.assertGreater(len(stopped), 0)
        self.assertEqual(self.value("$('curves-mode').value"), "lines")
        lines = self.value("$('curves').data.filter((trace) => trace.customdata && trace.name !== 'stopped').map((trace) => new Set(trace.customdata.filter((row) => row >= 0)).size)"
                           ".reduce((a, b) => a + b)")
        self.assertEqual(lines, len(self.rows))
        marks = self.value("(() => { const t = $('curves').data.find((trace) => trace.name === 'stopped'); return t.x.map((x, i) => [sweep.trials.number[t.customdata[i]], x]); })()")
        self.assertEqual(sorted(marks), sorted([int(row["number"]), int(row["intervals"])] for row in stopped))
        for mode in ("bands", "history", "lines"):
            self.browser.choose("#curves-mode", mode)
            self.browser.wait("!staleCharts.has('curves') && document.documentElement.dataset.drawn")
            self.assertTrue(self.value("$('curves-summary').textContent"))
            self.assertGreater(self.value("$('curves').querySelectorAll('.scatterlayer .trace').length"), 1)
        self.assert_quiet()

    def test_brushing_an_axis_filters_table_and_scatter(self):
        self.brush("lr", 0.3, 0.7)
        key = self.key_of("lr")
        [[low, high]] = self.value("sweep.brush.get(arguments[0])", key)
        lr = [float(row["params_lr"]) for row in self.rows]
        kept = [x for x in lr if low <= math.log10(x) <= high]
        self.assertLess(len(kept), len(lr))
        self.assertGreater(len(kept), 0)
        self.assertEqual(self.value("$('selection-text').textContent"), f"{len(kept)} of {len(lr)} trials selected")
        self.browser.choose("#page-size", "100")
        self.assertEqual(sorted(self.column("lr")), sorted(f"{x:.5g}" for x in kept))
        self.assertTrue(self.value("$('table-summary').textContent").endswith(f"of {len(kept)}"))
        self.settle("scatter", "scatter3d")
        for chart in ("scatter", "scatter3d"):
            self.assertEqual(self.value(f"[$('{chart}').data[0].x.length, $('{chart}').data[1].x.length]"), [len(lr) - len(kept), len(kept)])
        self.browser.click("#clear")
        self.browser.wait("sweep.nSelected === sweep.n")
        self.settle("parallel", "scatter")
        self.assertEqual(self.value("$('scatter').data[1].x.length"), len(lr))
        self.assertEqual(self.value("$('parallel').data[0].dimensions.filter((dimension) => dimension.constraintrange).length"), 0)
        self.assert_quiet()

    def test_brushing_a_category_keeps_it(self):
        self.settle("parallel")
        key = self.key_of("optimizer")
        places = self.value("sweep.byKey.get(arguments[0]).categories", key)
        x, y, width, height = self.box(AXIS % key + ".querySelector('.axis-brush .background')")
        # The lowest category is at 0 of an axis from -0.4 to n - 0.6.
        pixel = y + height - (0.4 / (len(places) - 0.2)) * height
        self.browser.drag((x + width / 2, pixel + 12), (x + width / 2, pixel - 12))
        self.browser.wait("sweep.brush.has(arguments[0])", key)
        self.assertEqual(set(self.column("optimizer")), {places[0]})

    def test_an_axis_can_be_dragged_elsewhere(self):
        self.settle("parallel")
        before = self.value("$('parallel').data[0].dimensions.map((dimension) => dimension.name)")
        x, y, width, height = self.box(AXIS % before[0] + ".querySelector('.axis-title')")
        to = self.box(AXIS % before[2] + ".querySelector('.axis-title')")
        self.browser.drag((x + width / 2, y + height / 2), (to[0] + to[2], y + height / 2))
        self.browser.wait("$('parallel').data[0].dimensions[0].name !== arguments[0]", before[0])
        after = self.value("$('parallel').data[0].dimensions.map((dimension) => dimension.name)")
        self.assertEqual(sorted(after), sorted(before))
        self.assertGreater(after.index(before[0]), 0)
        self.assertEqual(self.value("axes"), after)
        # It stays there when the chart is drawn again, and logarithmic ticks read as numbers.
        self.browser.run("stale('parallel')")
        self.settle("parallel")
        self.assertEqual(self.value("$('parallel').data[0].dimensions.map((dimension) => dimension.name)"), after)
        ticks = self.value(f"[...({AXIS % self.key_of('lr')}).querySelectorAll('.tick text')].map((text) => Number(text.textContent))")
        self.assertTrue(ticks and all(0.0005 < tick < 0.05 for tick in ticks), ticks)
        self.assert_quiet()

    def test_axes_can_be_chosen(self):
        self.settle("parallel")
        n = self.value("$('parallel').data[0].dimensions.length")
        self.browser.click("#axes-chooser summary")
        self.browser.click("#axes-list label:nth-child(2) input")
        self.browser.wait("$('parallel').data[0].dimensions.length !== arguments[0]", n)
        self.assert_quiet()

    def test_the_3d_plot_can_be_turned_and_stays_turned(self):
        self.settle("scatter3d")
        eye = "$('scatter3d')._fullLayout.scene._scene.getCamera().eye"
        before = self.value(eye)
        x, y, width, height = self.box("$('scatter3d')")
        self.browser.drag((x + width / 2, y + height / 2), (x + width / 2 + 120, y + height / 2 + 30))
        # It may roll on a little; where the mouse let go is kept.
        kept = "$('scatter3d')._fullLayout.scene.camera.eye"
        self.browser.wait(f"Math.abs({kept}.x - arguments[0]) > 0.1", before["x"])
        turned = self.value(kept)
        self.browser.run("sweep.text = 'adam'; selectionChanged(true)")
        self.settle("scatter3d")
        again = self.value(eye)
        for name in "xyz":
            self.assertAlmostEqual(again[name], turned[name], places=2)
        self.browser.choose("#scatter3d-x", self.key_of("lr"))
        self.settle("scatter3d")
        self.assertEqual(self.value("$('scatter3d')._fullLayout.scene.xaxis.type"), "log")
        self.assert_quiet()

    def test_scatter_axes_can_be_chosen(self):
        self.settle("scatter")
        self.browser.choose("#scatter-x", self.key_of("lr"))
        self.browser.choose("#scatter-y", "value")
        self.settle("scatter")
        self.assertEqual(self.value("[$('scatter')._fullLayout.xaxis.type, $('scatter')._fullLayout.xaxis.title.text, $('scatter')._fullLayout.yaxis.title.text]"),
                         ["log", "lr", "accuracy"])
        shown = self.value("$('scatter').data[1].x")
        self.assertEqual(sorted(shown), sorted(float(row["params_lr"]) for row in self.rows))

    def test_the_table_sorts(self):
        self.browser.choose("#page-size", "100")
        accuracies = [float(x) for x in self.column("accuracy")]
        self.assertEqual(len(accuracies), len(self.rows))
        self.assertEqual(accuracies, sorted(accuracies, reverse=True))
        self.browser.click(f"#trials-head th[data-key={self.key_of('lr')}] button")
        self.assertEqual(self.value("document.querySelector('#trials-head [aria-sort=ascending]').textContent"), "lr ▲")
        self.assertEqual(self.column("lr"), [f"{x:.5g}" for x in sorted(float(row["params_lr"]) for row in self.rows)])
        self.browser.press("\ue007")  # Enter: the focus is where it was
        self.assertEqual(self.column("lr"), [f"{x:.5g}" for x in sorted((float(row["params_lr"]) for row in self.rows), reverse=True)])
        self.assertEqual(self.value("document.querySelectorAll('#trials-head [aria-sort]:not([aria-sort=none])').length"), 1)

    def test_the_table_filters_and_pages(self):
        self.browser.choose("#page-size", "10")
        self.browser.click("#page-next")
        self.assertEqual(self.value("$('table-summary').textContent"), f"11 to 20 of {len(self.rows)}")
        self.browser.choose("#filter-column", "state")
        self.browser.type("#filter-value", "stopped\ue007")
        self.browser.choose("#page-size", "100")
        self.assertEqual(self.column("state"), ["stopped"] * len(self.states("PRUNED")))
        self.assertTrue(all(text.startswith("median_stopping at interval ") for text in self.column("why it ended")))
        self.browser.choose("#filter-column", "intervals")
        self.browser.choose("#filter-op", "≤")
        self.browser.type("#filter-value", "many\ue007")
        self.assertEqual(self.value("$('filter-error').textContent"), "'many' is not a number.")
        self.browser.run("$('filter-value').value = ''")
        self.browser.type("#filter-value", "5\ue007")
        early = [row for row in self.states("PRUNED") if int(row["intervals"]) <= 5]
        self.assertEqual(sorted(self.column("trial"), key=int), [row["number"] for row in early])
        self.assertEqual(self.value("table.csv().trim().split('\\r\\n').length"), len(early) + 1)
        self.browser.click("#filters li:first-child button")
        self.assertEqual(len(self.column("trial")), len([row for row in self.rows if int(row["intervals"]) <= 5]))
        self.browser.click("#clear")
        self.browser.type("#filter-text", "no such text")
        self.browser.wait("sweep.nSelected === 0")
        self.settle("curves", "parallel", "scatter", "scatter3d")
        self.assertEqual(self.value("$('trials-body').textContent"), "No trial is like that.")
        self.assert_quiet()

    def test_a_chosen_trial_is_shown_everywhere(self):
        number = self.column("trial")[3]
        self.browser.click("#trials-body tr:nth-child(4) button")
        self.settle("curves")
        self.assertTrue(self.value("$('curves').data.some((trace) => trace.name === arguments[0])", f"trial {number}"))
        self.assertIn(f"Trial {number}", self.value("$('detail').textContent"))
        self.assertEqual(self.value("document.querySelectorAll('#trials-body [aria-current]').length"), 1)

    def test_speaks_to_screen_readers_and_keyboards(self):
        self.settle("curves", "parallel", "scatter", "scatter3d")
        nameless = self.value("[...document.querySelectorAll('main input, main select, main button')].filter((each) => !each.closest('.js-plotly-plot')).filter((each) =>"
                              " !(each.labels && each.labels.length) && !each.getAttribute('aria-label') && !each.textContent.trim()).map((each) => each.outerHTML)")
        self.assertEqual(nameless, [])
        for chart in self.value("[...document.querySelectorAll('.chart')].map((each) => [each.getAttribute('role'), $(each.getAttribute('aria-describedby')).textContent])"):
            self.assertEqual(chart[0], "img")
            self.assertGreater(len(chart[1]), 20)
        self.assertEqual(self.value("document.querySelectorAll('#trials-head th[scope=col][aria-sort]').length"), self.value("sweep.columns.length"))

    def test_follows_dark_and_fits_a_phone(self):
        light = self.value("$('curves')._fullLayout.paper_bgcolor")
        self.browser.colours("dark")
        self.browser.wait("$('curves')._fullLayout.paper_bgcolor !== arguments[0]", light)
        self.browser.viewport(390, 844, mobile=True)
        self.browser.open(self.path("digits/report.html"))
        self.settle("curves", "parallel", "scatter", "scatter3d")
        self.assertLessEqual(self.value("document.documentElement.scrollWidth"), 390)
        self.assert_quiet()


class ReportOfHostileTexts(PageTest):
    def test_texts_stay_texts(self):
        subprocess.run([MAKE_SWEEP, self.path("hostile"), "--hostile", "--trials", "60"], check=True)
        lockstep("report", self.path("hostile"))
        self.open(self.path("hostile/report.html"))
        self.settle("curves", "parallel", "scatter", "scatter3d")
        for mode in ("bands", "history"):
            self.browser.choose("#curves-mode", mode)
            self.settle("curves")
        self.browser.choose("#scatter-x", self.value("sweep.parameterColumns.find((column) => column.label === 'choices').key"))
        self.settle("scatter")
        self.browser.click("#trials-body tr:first-child button")
        self.assertEqual(self.value("typeof window.hostile"), "undefined")
        self.assertEqual(self.value("document.querySelectorAll('img, b, i, a[href^=javascript]').length"), 0)
        self.assertEqual(self.value("document.querySelectorAll('svg a, svg [style*=\"font-weight:bold\"]').length"), 0)
        markup = "<img src=x onerror=\"window.hostile=1\"></script><script>window.hostile=1</script>"
        self.assertEqual(self.value("$('title').textContent"), markup)
        self.assertIn(markup, self.value("$('best').textContent"))
        self.assertIn("__proto__", self.value("$('best').textContent"))
        self.assertTrue(self.value("[...document.querySelectorAll('#parallel .axis-title')].some((text) => text.textContent.startsWith('<b>bold</b> & '))"))
        self.assertTrue(self.value("[...document.querySelectorAll('#scatter .xtick text')].some((text) => text.textContent.startsWith('<b>bold</b> & '))"))
        self.assertTrue(self.value("[...document.querySelectorAll('#curves .ytitle')].some((text) => text.textContent.startsWith('<b>bold</b> & <a'))"))
        self.assertLessEqual(self.value("document.documentElement.scrollWidth"), 1300)
        self.assert_quiet()


class ReportsOfEmptySweeps(PageTest):
    def test_one_trial_of_one_interval(self):
        subprocess.run([MAKE_SWEEP, self.path("one"), "--trials", "1", "--intervals", "1"], check=True)
        lockstep("report", self.path("one"))
        self.open(self.path("one/report.html"))
        self.settle("curves", "parallel", "scatter", "scatter3d")
        self.assertIn("it takes 10 trials", self.value("$('importance').textContent"))
        self.assert_quiet()


if __name__ == "__main__":
    main()
