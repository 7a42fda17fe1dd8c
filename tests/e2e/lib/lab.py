# SPDX-License-Identifier: BSD-2-Clause
"""A laboratory folder, and processes that end with it."""

import copy
import glob
import os
import shutil
import signal
import subprocess
import tempfile
import time

from checks import BUILD, PATIENCE_S, Failure


class Process:
    """A child with its log. It is ended by its own pid, never by name, and does not outlive us. Ctrl-C
    reaches us alone, so that children are ended in order."""

    def __init__(self, lab, name, argv, prefix=(), env=None, **kwargs):
        self.name = name
        self.log_path = os.path.join(lab.logs, name + ".log")
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *prefix, *argv], cwd=lab.dir,
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                                          env=dict(os.environ, **(env or {})), **kwargs)
        lab.processes.append(self)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def alive(self):
        return self.popen.poll() is None

    def must_live(self):
        if not self.alive():
            raise Failure(f"{self.name} ended with {self.popen.returncode}: {self.log()[-2000:]}")
        return True

    def kill(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=PATIENCE_S):
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {seconds} s") from None

    def stop(self, number=signal.SIGTERM, seconds=PATIENCE_S):
        if self.alive():
            self.kill(number)
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise Failure(f"{self.name} did not end within {seconds} s of signal {number}") from None


class Lab:
    """A folder for one test, and everything that was started in it."""

    def __init__(self, name):
        self.name = name
        self.processes = []
        self.dir = tempfile.mkdtemp(prefix="crosstap-e2e-")
        os.chmod(self.dir, 0o755)
        self.logs = os.path.join(self.dir, "logs")
        os.mkdir(self.logs)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def folder(self, name):
        path = self.path(name)
        os.makedirs(path, 0o755, exist_ok=True)
        return path

    def write(self, name, text):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(text)
        return path

    def part(self, name):
        """A laboratory in this one, with a folder of its own: processes and logs are ours."""
        part = copy.copy(self)
        part.dir = self.folder(name)
        return part

    def keep_logs(self):
        kept = os.path.join(BUILD, "e2e", self.name)
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.logs, kept)
        for pattern in ("*.yaml", "*/*.conf", "*/*.yml", "*/*.lua", "*.lp"):
            for path in glob.glob(self.path(pattern)):
                shutil.copy(path, os.path.join(kept, os.path.relpath(path, self.dir).replace("/", "-")))
        return kept

    def close(self):
        for process in reversed(self.processes):
            if process.alive():
                process.kill(signal.SIGTERM)
                process.kill(signal.SIGCONT)
        end = time.monotonic() + 5
        for process in reversed(self.processes):
            try:
                process.popen.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.popen.kill()
                process.popen.wait()
        shutil.rmtree(self.dir, ignore_errors=True)
