"""`lockstep serve` in a real browser, while sweeps run: serve_test.py LOCKSTEP MAKE_SWEEP SOURCE [unittest's arguments]"""
import http.client
import os
import signal
import subprocess
import time

from pages import MAKE_SWEEP, PROGRAM, SOURCE, PageTest, main


class ServeTest(PageTest):
    def serve(self, directory):
        """Starts a server; returns the address that it prints."""
        server = subprocess.Popen([PROGRAM, "serve", directory, "--port", "0"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(self.end, server)
        return server, server.stdout.readline().strip()

    def end(self, process):
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=60)
        if process.stdout:
            process.stdout.close()

    def train(self, directory, n_trials=400, epochs=2000):
        """Starts a sweep that takes far longer than the test."""
        sweep = subprocess.Popen([PROGRAM, "run", os.path.join(SOURCE, "examples/digits_mlp.yml"), "--quiet", "--output", directory, "--seed", "7",
                                  "--max-total-trials", str(n_trials), "--set", f"trial.epochs={epochs}", "--set", "limits.max_concurrent_trials=8",
                                  "--set", "search_space.hidden.values=[8]"], stdout=subprocess.DEVNULL)
        self.addCleanup(self.end, sweep)
        end = time.monotonic() + 120
        while not os.path.exists(os.path.join(directory, "sweep.db-wal")) or os.path.getsize(os.path.join(directory, "sweep.db-wal")) < 200_000:
            self.assertLess(time.monotonic(), end, "the sweep does not start")
            self.assertIsNone(sweep.poll())
            time.sleep(0.2)
        return sweep

    def request(self, address, path, method="GET", **headers):
        port = int(address.split(":")[2].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request(method, path, b"" if method == "POST" else None, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body


class Live(ServeTest):
    def test_the_page_follows_a_sweep_and_can_end_it(self):
        sweep = self.train(self.path("live"))
        server, address = self.serve(self.path("live"))
        self.browser.open(address)
        self.browser.wait("sweep !== null && document.documentElement.dataset.filled", seconds=180)
        self.settle("curves")
        self.assertEqual(self.value("$('live-text').textContent"), "Live: training")
        reports = self.value("sweep.lengths.reduce((a, b) => a + b)")
        self.browser.wait("sweep.lengths.reduce((a, b) => a + b) > arguments[0]", reports, seconds=120)
        # What came in pieces is what a page that comes later gets as a whole.
        self.assertTrue(self.value("sweep.curves.every((curve, row) => curve.length === sweep.lengths[row] && curve.every((x) => x >= 0 && x <= 1))"))
        # The charts follow, and the reader's filter stays.
        self.browser.run("sweep.filters.push({key: 'state', op: '=', value: 'running'}); selectionChanged(true)")
        drawn = "Math.max(...$('curves').data.flatMap((trace) => trace.x.filter((x) => x !== null)))"
        before = self.value(drawn)
        self.browser.wait(f"{drawn} > arguments[0]", before, seconds=120)
        self.assertEqual(set(self.column("state")), {"running"})
        self.assertIn("running", self.value("$('subtitle').textContent"))
        # A wrong token ends nothing; the button does.
        self.assertEqual(self.request(address, "/stop", "POST", X_Lockstep_Token="guess")[0], 403)
        self.assertEqual(self.request(address, "/stop", "POST")[0], 403)
        self.assertIsNone(sweep.poll())
        self.browser.run("window.confirm = () => true")
        self.browser.click("#stop")
        self.assertEqual(sweep.wait(timeout=120), 130)
        self.browser.wait("sweep.head.state === 'interrupted' && !sweep.head.is_training", seconds=60)
        self.assertTrue(self.value("$('stop').hidden"))
        self.assertIn("lockstep resume", self.value("$('reproduce').textContent"))
        self.assertFalse(os.path.exists(self.path("live/stop")))
        self.assertTrue(os.path.exists(self.path("live/report.html")))
        self.assertEqual(self.request(address, "/stop", "POST", X_Lockstep_Token=address.split("token=")[1])[0], 409)
        # It says when the server has gone.
        self.browser.errors()
        server.send_signal(signal.SIGINT)
        self.assertEqual(server.wait(timeout=60), 0)
        self.browser.wait("$('live-text').textContent.startsWith('The connection is lost')")

    def test_other_host_names_and_origins_are_refused(self):
        subprocess.run([MAKE_SWEEP, self.path("made"), "--trials", "20"], check=True)
        _, address = self.serve(self.path("made"))
        token = address.split("token=")[1]
        self.assertEqual(self.request(address, "/")[0], 200)
        self.assertEqual(self.request(address, "/", Host="localhost:1")[0], 200)
        self.assertEqual(self.request(address, "/", Host="evil.example")[0], 403)
        self.assertEqual(self.request(address, "/events", Host="evil.example")[0], 403)
        self.assertEqual(self.request(address, "/stop", "POST", X_Lockstep_Token=token, Origin="http://evil.example")[0], 403)
        self.assertEqual(self.request(address, "/../../etc/passwd")[0], 404)


class SeveralSweeps(ServeTest):
    def test_are_listed_and_compared(self):
        for name, n in (("first", 40), ("second", 80), ("deeper/third", 20)):
            subprocess.run([MAKE_SWEEP, self.path("several/" + name), "--trials", str(n)], check=True)
        _, address = self.serve(self.path("several"))
        self.browser.open(address)
        self.browser.wait("document.documentElement.dataset.drawn === '3'", seconds=120)
        self.assertEqual(self.value("$('compare').data.map((trace) => trace.name).sort()"), ["deeper/third", "first", "second"])
        self.assertEqual(self.value("document.querySelectorAll('#list tr').length"), 3)
        self.browser.click("#list tr:nth-child(2) input")
        self.browser.wait("document.documentElement.dataset.drawn === '2'")
        subprocess.run([MAKE_SWEEP, self.path("several/fourth"), "--trials", "30"], check=True)
        self.browser.run("document.activeElement.blur()")
        self.browser.wait("document.querySelectorAll('#list tr').length === 4", seconds=60)
        self.browser.click("#list tr:nth-child(1) a")
        self.browser.wait("typeof sweep !== 'undefined' && sweep !== null && sweep.n === 20", seconds=60)
        self.settle("curves")
        self.assert_quiet()
        base = address.split("#")[0]
        self.assertEqual(self.request(base, "/sweep/none/")[0], 404)
        self.assertEqual(self.request(base, "/sweep/first/../second/")[0], 404)


if __name__ == "__main__":
    main()
