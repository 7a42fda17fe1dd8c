# SPDX-License-Identifier: BSD-2-Clause
"""Somebody else's BPF program: lets every packet pass, and counts it, so that a test can tell whether it is still asked."""

import contextlib
import ctypes
import os
import struct

SYS_BPF = 321  # x86-64
MAP_CREATE, MAP_LOOKUP, PROG_LOAD, OBJ_PIN = 0, 1, 5, 6  # enum bpf_cmd
TYPE_ARRAY = 2
XDP, SCHED_CLS = 6, 3
VERDICTS = {XDP: 2, SCHED_CLS: 0}  # XDP_PASS, TC_ACT_OK: the line of filters ends here
FOLDER = "/sys/fs/bpf"

_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes.ljust(128, b"\0"))
    result = _libc.syscall(SYS_BPF, command, buffer, len(buffer))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf command {command}")
    return result


def _address(buffer):
    return ctypes.addressof(buffer)


def _instruction(code, to=0, source=0, offset=0, value=0):
    return struct.pack("<BBhi", code, source << 4 | to, offset, value)


def _counting(map_fd, verdict):
    """key = 0; if ((count = lookup(map, &key))) *count += 1; return verdict."""
    return b"".join([
        _instruction(0x62, to=10, offset=-4),
        _instruction(0xbf, to=2, source=10), _instruction(0x07, to=2, value=-4),
        _instruction(0x18, to=1, source=1, value=map_fd), _instruction(0),
        _instruction(0x85, value=1),
        _instruction(0x15, to=0, offset=2),
        _instruction(0xb7, to=1, value=1), _instruction(0xdb, to=0, source=1),
        _instruction(0xb7, to=0, value=verdict), _instruction(0x95)])


class Foreign:
    """XDP or SCHED_CLS. It lives as long as it is attached somewhere; the count can be read after that."""

    def __init__(self, kind):
        self.map = _bpf(MAP_CREATE, struct.pack("<IIII", TYPE_ARRAY, 4, 8, 1))
        self.kind, self.code = kind, ctypes.create_string_buffer(_counting(self.map, VERDICTS[kind]))
        self.licence = ctypes.create_string_buffer(b"GPL")

    @contextlib.contextmanager
    def pinned(self):
        """A path for `ip` and `tc`, which is gone once they have taken it."""
        program = _bpf(PROG_LOAD, struct.pack("<IIQQ", self.kind, (len(self.code) - 1) // 8, _address(self.code),
                                              _address(self.licence)))
        path = f"{FOLDER}/crosstap-e2e-{os.getpid()}"
        name = ctypes.create_string_buffer(path.encode())
        try:
            _bpf(OBJ_PIN, struct.pack("<QI", _address(name), program))
            yield path
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            os.close(program)

    def count(self):
        key, value = ctypes.c_uint32(0), ctypes.c_uint64(0)
        _bpf(MAP_LOOKUP, struct.pack("<IIQQ", self.map, 0, _address(key), _address(value)))
        return value.value
