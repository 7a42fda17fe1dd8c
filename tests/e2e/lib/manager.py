# SPDX-License-Identifier: BSD-2-Clause
"""A service manager that keeps descriptors as systemd does (sd_notify(3), FileDescriptorStoreMax=): by name, each open
file once, for as long as the service is not stopped; the next process gets them (sd_listen_fds(3)). Messages that
systemd would not take are a failure of the test."""

import array
import ctypes
import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from checks import PATIENCE_S, Failure
from lab import Process

KCMP, KCMP_FILE = 312 if os.uname().machine == "x86_64" else 272, 0
FIRST = 3  # SD_LISTEN_FDS_START
MOST_FDS = 253  # SCM_MAX_FD

WIRE = "+bpf,+perfmon,+net_admin"  # the capabilities of the unit


def unprivileged(uid, capabilities=WIRE):
    """A command prefix: a user with these ambient capabilities and no other."""
    return ("setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--no-new-privs",
            f"--inh-caps=-all,{capabilities}", f"--ambient-caps=-all,{capabilities}", f"--bounding-set=-all,{capabilities}")


def same_file(one, other):
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(KCMP, os.getpid(), os.getpid(), KCMP_FILE, one, other)
    if result < 0:
        raise OSError(ctypes.get_errno(), "kcmp")
    return result == 0


class Child:
    """What subprocess.Popen has, of a process that finds descriptors from 3 on."""

    def __init__(self, argv, cwd, log, environment, passed):
        self.returncode = None
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self._exec(argv, cwd, log, environment, passed)
            finally:
                os._exit(127)

    @staticmethod
    def _exec(argv, cwd, log, environment, passed):
        os.setsid()
        os.chdir(cwd)
        null = os.open("/dev/null", os.O_RDONLY)
        for number, fd in enumerate((null, log, log)):
            os.dup2(fd, number)
        high = [os.dup(fd) for fd in passed]
        top = max([FIRST + len(high), *high])
        high = [(os.dup2(fd, top + 1 + i), top + 1 + i)[1] for i, fd in enumerate(high)]
        for i, fd in enumerate(high):
            os.dup2(fd, FIRST + i)
        os.closerange(FIRST + len(high), top + 2 + len(high))
        if passed:
            environment = dict(environment, LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(passed)))
        os.execvpe(argv[0], argv, environment)

    def poll(self):
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, seconds=None):
        end = time.monotonic() + (seconds if seconds is not None else PATIENCE_S)
        while self.poll() is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired("service", seconds)
            time.sleep(0.01)
        return self.returncode

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


class Service(Process):
    def __init__(self, manager, lab, name, argv, prefix, env):
        self.name = name
        self.log_path = os.path.join(lab.logs, name + ".log")
        log = os.open(self.log_path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        environment = dict(os.environ, NOTIFY_SOCKET=manager.path, FDSTORE=str(manager.places), **(env or {}))
        names, passed = manager.passed()
        if passed:
            environment["LISTEN_FDNAMES"] = ":".join(names)
        self.popen = Child([*prefix, *argv], lab.dir, log, environment, passed)
        os.close(log)
        lab.processes.append(self)


class Manager:
    """Use its spawn in place of a Process; close() is the service's end: the store is emptied."""

    def __init__(self, lab, places=512):
        self.path, self.places = lab.path("notify"), places
        self.kept = []  # [name, descriptor, polled]
        self.listeners = []  # (name, socket), of socket units
        self.children, self.senders = set(), set()  # of messages; one may be read when its sender has ended
        self.complaints = []
        self.ready = threading.Event()
        self.lock = threading.Lock()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        self.socket.bind(self.path)
        os.chmod(self.path, 0o666)
        self.ending = os.eventfd(0)
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()
        if self.senders - self.children - {0}:
            self.complaints.append("from another process than the main one")
        if self.complaints and not error[0]:
            raise Failure(f"messages that systemd would not take: {self.complaints}")

    def spawn(self, lab, name, argv, prefix=(), env=None):
        self.ready.clear()
        service = Service(self, lab, name, argv, prefix, env)
        self.children.add(service.popen.pid)
        return service

    def listen(self, name, where):
        """A socket unit's."""
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(where)
        os.chmod(where, 0o666)
        listener.listen(64)
        self.listeners.append((name, listener))

    def passed(self):
        with self.lock:
            pairs = [(name, listener.fileno()) for name, listener in self.listeners]
            pairs += [(name, fd) for name, fd, _ in self.kept]
        return [name for name, _ in pairs], [fd for _, fd in pairs]

    def names(self, prefix=""):
        with self.lock:
            return sorted(name for name, _, _ in self.kept if name.startswith(prefix))

    def put(self, name, fd):
        """As if a process had left it."""
        with self.lock:
            self.kept.append([name, os.dup(fd), False])

    def close(self):
        os.eventfd_write(self.ending, 1)
        self.thread.join()
        for _, fd, _ in self.kept:
            os.close(fd)
        self.kept = []
        for _, listener in self.listeners:
            listener.close()
        self.socket.close()
        os.close(self.ending)

    # ---- the thread ----

    def _serve(self):
        while True:
            poller = select.poll()
            poller.register(self.socket, select.POLLIN)
            poller.register(self.ending, select.POLLIN)
            with self.lock:
                for _, fd, polled in self.kept:
                    if polled:
                        poller.register(fd, 0)
            for fd, events in poller.poll(1000):
                if fd == self.ending:
                    return
                if fd == self.socket.fileno():
                    self._message()
                elif events & (select.POLLHUP | select.POLLERR):
                    self._forget(lambda item, gone=fd: item[1] == gone)

    def _message(self):
        data, control, flags, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(12) + socket.CMSG_SPACE(4 * MOST_FDS))
        fds, sender = array.array("i"), 0
        for level, kind, payload in control:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
            elif level == socket.SOL_SOCKET and kind == 2:  # SCM_CREDENTIALS
                sender = struct.unpack("3i", payload)[0]
        fields = dict(line.split("=", 1) for line in data.decode().splitlines())
        self.senders.add(sender)
        fault = self._fault(fields, fds, flags)
        if fault:
            self.complaints.append((fault, fields))
        elif "FDSTORE" in fields:
            self._store(fields, fds)
        elif "FDSTOREREMOVE" in fields:
            self._forget(lambda item: item[0] == fields["FDNAME"])
        if fields.get("READY") == "1":
            self.ready.set()
        for fd in fds:
            os.close(fd)

    @staticmethod
    def _fault(fields, fds, flags):
        name = fields.get("FDNAME")
        if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
            return "too long"
        if fds and fields.get("FDSTORE") != "1":
            return "descriptors without FDSTORE"
        if "FDSTOREREMOVE" in fields and not name:
            return "removal without a name"
        if name is not None and not (0 < len(name) <= 255 and all(" " <= c < "\x7f" and c != ":" for c in name)):
            return "a name that cannot be"
        return None

    def _store(self, fields, fds):
        with self.lock:
            for fd in fds:
                if any(same_file(fd, other) for _, other, _ in self.kept):
                    continue
                if len(self.kept) >= self.places:
                    self.complaints.append(("the store is full", fields))
                    continue
                self.kept.append([fields.get("FDNAME", "stored"), os.dup(fd), fields.get("FDPOLL") != "0"])

    def _forget(self, which):
        with self.lock:
            for item in [item for item in self.kept if which(item)]:
                os.close(item[1])
                self.kept.remove(item)
