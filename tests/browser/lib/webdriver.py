# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Chromium without a screen, by the WebDriver protocol (W3C). Standard library only."""

import base64
import json
import os
import shutil
import urllib.error
import urllib.request

from harness import Failure, Process, Skip, free_port, tcp_answers, wait_for

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--force-device-scale-factor=1", "--hide-scrollbars", "--mute-audio", "--no-default-browser-check",
         "--disable-features=OptimizationHints,MediaRouter,Translate")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
DEADLINE_S = 20


class Browser:
    """One Chromium. `errors()` has what its console said and no test allows."""

    def __init__(self, lab, width=1440, height=1000):
        for program in ("chromium", "chromedriver"):
            if not shutil.which(program):
                raise Skip(f"{program} is not installed: scripts/deps --browser")
        port = free_port()
        self.process = Process(lab, "chromedriver", ["chromedriver", f"--port={port}"],
                               env={"HOME": lab.folder("home"), "XDG_CONFIG_HOME": lab.folder("config")})
        wait_for(lambda: self.process.must_live() and tcp_answers("127.0.0.1", port), DEADLINE_S, "chromedriver listens")
        self.base = f"http://127.0.0.1:{port}"
        options = {"args": [*FLAGS, f"--user-data-dir={lab.folder('profile')}", f"--window-size={width},{height}"],
                   "binary": shutil.which("chromium")}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.base += f"/session/{made['sessionId']}"
        self.call("POST", "/timeouts", {"script": DEADLINE_S * 1000, "pageLoad": DEADLINE_S * 1000})

    def call(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=2 * DEADLINE_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            value = json.load(error)["value"]
            raise Failure(f"{method} {path}: {value['error']}: {value['message'][:1000]}") from None

    def close(self):
        self.call("DELETE", "")
        self.process.stop()

    def devtools(self, command, **parameters):
        return self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def get(self, url):
        self.call("POST", "/url", {"url": url})

    def run(self, script, *args):
        """The value of a script that ends with `return`; promises are waited for."""
        return self.call("POST", "/execute/sync", {"script": script, "args": list(args)})

    def wait(self, script, what, *args, seconds=DEADLINE_S):
        return wait_for(lambda: self.run(script, *args), seconds, what)

    def text(self, selector):
        return self.run("return document.querySelector(arguments[0]).innerText", selector)

    def find(self, selector):
        return self.call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        self.run("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})", selector)
        self.call("POST", f"/element/{self.find(selector)}/click", {})

    def type(self, selector, text):
        self.call("POST", f"/element/{self.find(selector)}/value", {"text": text})

    def keys(self, *keys):
        """To whatever has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self.call("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def pointer(self, selector, *places, press=False):
        """Over these places of an element, as shares of its width; pressed from the first to the last."""
        box = self.run("const e = document.querySelector(arguments[0]); e.scrollIntoView({block: 'center'});"
                       "const b = e.getBoundingClientRect(); return [b.left, b.top, b.width, b.height]", selector)
        moves = [{"type": "pointerMove", "duration": 20, "x": int(box[0] + box[2] * place), "y": int(box[1] + box[3] / 2)}
                 for place in places]
        if press:
            moves = [moves[0], {"type": "pointerDown", "button": 0}, *moves[1:], {"type": "pointerUp", "button": 0}]
        self.call("POST", "/actions", {"actions": [{"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"},
                                                    "actions": moves}]})

    def view(self, width, height, dark=False):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])

    def screenshot(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shot = self.devtools("Page.captureScreenshot", format="png", optimizeForSpeed=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def whole_screenshot(self, path, width, most=6000):
        height = self.run("return document.documentElement.scrollHeight")
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=min(height, most), deviceScaleFactor=1,
                      mobile=width < 600)
        self.run("return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        self.screenshot(path)

    def console(self):
        """Messages since the last call."""
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]
