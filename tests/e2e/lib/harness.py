# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end tests share, in one place to import from, and the runner of one file. Standard library only."""

import os
import signal
import sys
import time
import traceback

from agent import Crosstap, yaml  # noqa: F401
from checks import BUILD, CROSSTAP, PATIENCE_S, ROOT, Failure, Skip, check, check_equal, wait_for  # noqa: F401
from lab import Lab, Process  # noqa: F401
from load import Sent, check_metrics, check_sums, dnsload, dnsload_command, settle  # noqa: F401
from network import Namespaces, free_port, http, in_namespace, output, tcp_answers  # noqa: F401
from points import Points  # noqa: F401

TESTS = []


def test(function):
    TESTS.append(function)
    return function


def run_test(name, function, lab=None):
    """Returns True if it passed. Without a laboratory that others share it gets one of its own. Logs of a failed test are
    kept under build/e2e."""
    name = f"{os.path.splitext(os.path.basename(sys.argv[0]))[0]}-{name}"
    own = lab or Lab(name)
    start = time.monotonic()
    try:
        function(own)
    except Skip as reason:
        print(f"skip {name}: {reason}", flush=True)
        return True
    except Exception as error:  # a broken harness is a failed test too
        kept = own.keep_logs()
        text = str(error) if isinstance(error, Failure) else traceback.format_exc()
        print(f"FAIL {name}: {text}\n     logs: {kept}", flush=True)
        return False
    finally:
        if not lab:
            own.close()
    print(f"ok   {name} ({time.monotonic() - start:.1f} s)", flush=True)
    return True


def main():
    """Runs the file's tests, or those named on the command line."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    wanted = [f for f in TESTS if len(sys.argv) == 1 or f.__name__ in sys.argv[1:]]
    if not wanted:
        sys.exit("no such test; there are: " + " ".join(f.__name__ for f in TESTS))
    failed = [f for f in wanted if not run_test(f.__name__, f)]
    sys.exit(1 if failed else 0)
