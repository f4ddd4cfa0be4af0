"""Drives headless Chromium by WebDriver, over HTTP, with the standard library alone (Debian: chromium, chromium-driver)."""
import base64
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # how WebDriver marks a reference to an element


class BrowserError(Exception):
    pass


def is_installed():
    return bool(shutil.which("chromedriver") and shutil.which("chromium"))


class Browser:
    def __init__(self, width=1300, height=900):
        self.profile = tempfile.mkdtemp(prefix="lockstep-browser-")
        self.session = None
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            self._start(width, height)
        except BaseException:
            self.quit()
            raise

    def _start(self, width, height):
        for line in self.driver.stdout:
            port = re.search(r"started successfully on port (\d+)", line)
            if port:
                break
        else:
            raise BrowserError("chromedriver did not start")
        self.base = f"http://127.0.0.1:{port.group(1)}"
        # WebGL without a GPU; no sandbox, because root (as in a container) has none.
        arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
                     "--hide-scrollbars", "--no-first-run", f"--window-size={width},{height}", f"--user-data-dir={self.profile}"]
        capabilities = {"browserName": "chrome", "goog:loggingPrefs": {"browser": "ALL"},
                        "goog:chromeOptions": {"binary": shutil.which("chromium"), "args": arguments}}
        self.session = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})["sessionId"]
        self._session("POST", "/timeouts", {"script": 120000, "pageLoad": 120000})
        self.viewport(width, height)

    def _call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=180) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise BrowserError(json.load(error)["value"]["message"].split("\n")[0]) from None

    def _session(self, method, path, body=None):
        return self._call(method, f"/session/{self.session}{path}", body)

    def devtools(self, command, **parameters):
        return self._session("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def viewport(self, width, height, mobile=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def colours(self, scheme):
        """'light' or 'dark'"""
        self.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        self._session("POST", "/url", {"url": url if "://" in url else "file://" + os.path.abspath(url)})

    def run(self, script, *arguments):
        """Runs JavaScript; `return` gives its result."""
        return self._session("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, condition, *arguments, seconds=60):
        """Until the JavaScript expression is true; returns it."""
        end = time.monotonic() + seconds
        while True:
            value = self.run(f"return ({condition})", *arguments)
            if value:
                return value
            if time.monotonic() > end:
                raise BrowserError(f"after {seconds} s still not: {condition}")
            time.sleep(0.05)

    def find(self, selector):
        return self._session("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self._session("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector, text):
        self._session("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def choose(self, selector, value):
        """In a <select>, as a reader does."""
        self.run("const s = document.querySelector(arguments[0]); s.value = arguments[1];"
                 "if (s.value !== arguments[1]) throw new Error('no such option: ' + arguments[1]);"
                 "s.dispatchEvent(new Event('input', {bubbles: true})); s.dispatchEvent(new Event('change', {bubbles: true}));", selector, value)

    def press(self, *keys):
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._session("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def drag(self, start, end, steps=8):
        """With the mouse, between points of the viewport."""
        def move(x, y, ms):
            return {"type": "pointerMove", "duration": ms, "x": round(x), "y": round(y)}
        actions = [move(*start, 0), {"type": "pause", "duration": 100}, {"type": "pointerDown", "button": 0}]
        for i in range(1, steps + 1):
            actions.append(move(start[0] + (end[0] - start[0]) * i / steps, start[1] + (end[1] - start[1]) * i / steps, 30))
        actions += [{"type": "pause", "duration": 100}, {"type": "pointerUp", "button": 0}]
        self._session("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}]})

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._session("GET", "/screenshot")))

    def screenshot_of(self, selector, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._session("GET", f"/element/{self.find(selector)}/screenshot")))

    def errors(self):
        """What the console has had of errors since the last call."""
        return [entry["message"] for entry in self._session("POST", "/se/log", {"type": "browser"}) if entry["level"] == "SEVERE"]

    def quit(self):
        if self.session:
            try:
                self._call("DELETE", f"/session/{self.session}")
            except (OSError, BrowserError):
                pass
        self.driver.terminate()
        self.driver.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.quit()
