"""A program under test: started, read from, looked into, and ended."""

import ctypes
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import time

PATIENCE_S = 30  # for anything that should come at once
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP = 1


class Failure(Exception):
    """A check did not hold; the text says which."""


def check(truth, text):
    if not truth:
        raise Failure(text)


def own_network():
    """Moves this process to a network of its own, so that all ports are free;
    false if it may not."""
    libc = ctypes.CDLL(None, use_errno=True)
    if (libc.unshare(CLONE_NEWNET) != 0 and
            libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0):
        return False
    with socket.socket() as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    return True


class Program:
    """A child process whose output, both streams in one, is kept."""

    def __init__(self, argv, cwd, env):
        self.text = ""
        self.process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._read()
        self.process.stdout.close()
        if isinstance(error, Failure):
            raise Failure(f"{error}\nits output:\n{self.text}") from None

    def _read(self):
        try:
            data = os.read(self.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return True
        self.text += data.decode(errors="replace")
        return data != b""

    def says(self, pattern):
        """Waits until the output matches."""
        end = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.text, re.M):
            left = end - time.monotonic()
            check(left > 0, f"does not say {pattern!r}")
            select.select([self.process.stdout], [], [], left)
            if not self._read():
                check(re.search(pattern, self.text, re.M),
                      f"ended without saying {pattern!r}")

    def connect(self, port):
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", port), PATIENCE_S)
            except OSError as e:
                check(self.process.poll() is None, "ended at once")
                check(time.monotonic() < end, f"port {port}: {e}")
                time.sleep(0.02)

    def libraries(self):
        """Paths of the libevent libraries in the process."""
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as f:
            return sorted({line.split()[-1] for line in f
                           if re.search(r"/libevent[^/]*\.so", line)})

    def kill(self, number):
        self.process.send_signal(number)

    def ends(self, number=None, status=0):
        """Waits for the end, after a signal if one is given."""
        if number is not None:
            self.kill(number)
        end = time.monotonic() + PATIENCE_S
        while self._read() and time.monotonic() < end:
            select.select([self.process.stdout], [], [], 1)
        try:
            got = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Failure("does not end") from None
        check(got == status, f"ended with {got}, not {status}")


TERM = signal.SIGTERM
INT = signal.SIGINT
