#!/usr/bin/env python3
"""Drives Debian's memcached (4 threads) with 400 connections and checks every
byte it answers: pipelined commands, values of 0 to 60,000 bytes, requests cut
in pieces, a client that reads late, connections that end in the midst of a
command, with FIN and with RST.

The server runs behind a command prefix (libevent-aio run ...) or as it is. Each
part is a test case; the last line is 'N passed, N failed, N skipped'.
"""

import argparse
import collections
import os
import random
import re
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

CONNECTIONS = 400
SIZES = (0, 1, 100, 1000, 3000, 20000, 60000)
STALL_S = 20  # no answer for so long is an event lost
RST = struct.pack("ii", 1, 0)


class Failure(Exception):
    """A check did not hold; the text says which."""


def check(truth, text):
    if not truth:
        raise Failure(text)


class Server:
    """memcached as a child process on a free port of 127.0.0.1."""

    def __init__(self, prefix, env):
        self.log = tempfile.TemporaryFile()
        for _ in range(5):
            with socket.socket() as s:
                s.bind(("127.0.0.1", 0))
                self.port = s.getsockname()[1]
            argv = prefix + ["memcached", "-l", "127.0.0.1", "-p",
                             str(self.port), "-U", "0", "-t", "4", "-m", "1024",
                             "-c", "2048"]
            if os.geteuid() == 0:
                argv += ["-u", "root"]
            self.process = subprocess.Popen(
                argv, env=env, stdin=subprocess.DEVNULL, stdout=self.log,
                stderr=subprocess.STDOUT, start_new_session=True)
            if self._answers():
                return
            if self.process.poll() is None:
                self.stop()
                raise Failure("memcached does not listen\n" + self.output())
        raise Failure("memcached does not start\n" + self.output())

    def _answers(self):
        for _ in range(200):
            if self.process.poll() is not None:
                return False
            try:
                socket.create_connection(("127.0.0.1", self.port), 5).close()
                return True
            except OSError:
                time.sleep(0.05)
        return False

    def libraries(self):
        """Paths of the libevent libraries in the process."""
        with open(f"/proc/{self.process.pid}/maps", encoding="utf-8") as f:
            return sorted({line.split()[-1] for line in f
                           if re.search(r"/libevent[^/]*\.so", line)})

    def cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def statistics(self):
        c = Connection(self.port)
        c.say(b"stats\r\nquit\r\n", b"")
        text = c.read_to_end()
        return dict(line.split()[1:3] for line in text.decode().splitlines()
                    if line.startswith("STAT") and len(line.split()) == 3)

    def stop(self):
        """TERM; the exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            return "ignores TERM"

    def output(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")


class Connection:
    """What is to be sent, and what must come back, byte by byte."""

    def __init__(self, port):
        self.sock = socket.create_connection(("127.0.0.1", port), STALL_S)
        self.out = bytearray()
        self.expected = collections.deque()
        self.at = 0  # in the first expected answer
        self.answers = 0

    def say(self, request, answer):
        self.out += request
        if answer:
            self.expected.append(answer)

    def send_some(self):
        try:
            del self.out[:self.sock.send(self.out)]
        except BlockingIOError:
            pass

    def take(self, data):
        """Compares what came with what is expected."""
        i = 0
        while i < len(data):
            check(self.expected, f"an answer to nothing: {data[i:i + 60]!r}")
            want = self.expected[0]
            n = min(len(data) - i, len(want) - self.at)
            check(data[i:i + n] == want[self.at:self.at + n],
                  f"wrong answer: {data[i:i + 60]!r} instead of "
                  f"{want[self.at:self.at + 60]!r}")
            i += n
            self.at += n
            if self.at == len(want):
                self.expected.popleft()
                self.at = 0
                self.answers += 1

    def receive_some(self):
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return
        check(data, "the server closed a connection")
        self.take(data)

    def read_to_end(self):
        """Blocking: sends the rest, reads until the server closes."""
        self.sock.sendall(self.out)
        parts = []
        while True:
            data = self.sock.recv(65536)
            if not data:
                break
            parts.append(data)
        self.sock.close()
        return b"".join(parts)

    def settle(self):
        """Blocking: sends the rest, reads what is expected."""
        self.sock.sendall(self.out)
        self.out.clear()
        while self.expected:
            data = self.sock.recv(262144)
            check(data, "the server closed a connection")
            self.take(data)

    def abort(self, with_rst):
        if with_rst:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
        self.sock.close()


def exchange(connections):
    """All connections at once, until each has all its answers."""
    selector = selectors.DefaultSelector()
    for c in connections:
        c.sock.setblocking(False)
        selector.register(c.sock, selectors.EVENT_READ |
                          selectors.EVENT_WRITE, c)
    waiting = len(connections)
    while waiting:
        ready = selector.select(STALL_S)
        check(ready, f"{waiting} connections wait for answers in vain")
        for key, events in ready:
            c = key.data
            if events & selectors.EVENT_WRITE:
                c.send_some()
                if not c.out:
                    selector.modify(c.sock, selectors.EVENT_READ, c)
            if events & selectors.EVENT_READ:
                c.receive_some()
            if not c.out and not c.expected:
                selector.unregister(c.sock)
                waiting -= 1
    selector.close()
    for c in connections:
        c.sock.settimeout(STALL_S)
    return sum(c.answers for c in connections)


def queue_commands(c, rng, name, count):
    """COUNT commands on keys of this connection alone."""
    values = {}
    for i in range(count):
        key = b"%s-%d" % (name, rng.randrange(6))
        kind = rng.random()
        if kind < 0.35:
            value = rng.randbytes(rng.choice(SIZES))
            values[key] = value
            c.say(b"set %s 7 0 %d\r\n%s\r\n" % (key, len(value), value),
                  b"STORED\r\n")
        elif kind < 0.40:
            value = b"x" * i
            values[key] = value
            c.say(b"set %s 7 0 %d noreply\r\n%s\r\n" % (key, len(value), value),
                  b"")
        elif kind < 0.45:
            c.say(b"delete %s\r\n" % key,
                  b"DELETED\r\n" if key in values else b"NOT_FOUND\r\n")
            values.pop(key, None)
        elif kind < 0.5:
            c.say(b"no such command\r\n", b"ERROR\r\n")
        elif key in values:
            value = values[key]
            c.say(b"get %s\r\n" % key, b"VALUE %s 7 %d\r\n%s\r\nEND\r\n" %
                  (key, len(value), value))
        else:
            c.say(b"get %s\r\n" % key, b"END\r\n")


def many_connections(port, stats):
    """400 connections, 40 commands each, all pipelined."""
    rng = random.Random(1)
    connections = [Connection(port) for _ in range(CONNECTIONS)]
    for i, c in enumerate(connections):
        queue_commands(c, rng, b"many%d" % i, 40)
    size = sum(len(c.out) for c in connections)
    started = time.monotonic()
    answers = exchange(connections)
    seconds = time.monotonic() - started
    stats["answers"] = answers
    stats["megabytes"] = size / 1e6
    stats["bulk"] = answers / seconds
    for c in connections:
        c.abort(False)


def one_by_one(port, stats):
    """64 connections, each with one small request in flight at a time."""
    connections = [Connection(port) for _ in range(64)]
    for i, c in enumerate(connections):
        c.say(b"set o%d 0 0 100\r\n%s\r\n" % (i, b"v" * 100), b"STORED\r\n")
        c.settle()
    answer = b"VALUE o%d 0 100\r\n" + b"v" * 100 + b"\r\nEND\r\n"
    rounds = 250
    started = time.monotonic()
    for _ in range(rounds):
        for i, c in enumerate(connections):
            c.sock.sendall(b"get o%d\r\n" % i)
            c.expected.append(answer % i)
        for c in connections:
            c.settle()
    stats["rate"] = rounds * len(connections) / (time.monotonic() - started)
    for c in connections:
        c.abort(False)


def late_reader(port, stats):
    """3,000 answers of 5,000 bytes wait in the server until we read them."""
    c = Connection(port)
    c.say(b"set p 0 0 5000\r\n" + b"x" * 5000 + b"\r\n", b"STORED\r\n")
    c.settle()
    c.sock.sendall(b"get p\r\n" * 3000)
    other = Connection(port)
    other.say(b"get p\r\n", b"VALUE p 0 5000\r\n" + b"x" * 5000 + b"\r\nEND\r\n")
    other.settle()
    for _ in range(3000):
        c.expected.append(b"VALUE p 0 5000\r\n" + b"x" * 5000 + b"\r\nEND\r\n")
    c.settle()
    c.abort(False)
    other.abort(False)


def cut_in_pieces(port, stats):
    """A request that arrives byte by byte, among others that do so too."""
    connections = [Connection(port) for _ in range(20)]
    for i, c in enumerate(connections):
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c.say(b"set slow%d 0 0 3\r\nabc\r\nget slow%d\r\n" % (i, i),
              b"STORED\r\nVALUE slow%d 0 3\r\nabc\r\nEND\r\n" % i)
    while any(c.out for c in connections):
        for c in connections:
            if c.out:
                c.sock.sendall(c.out[:1])
                del c.out[:1]
    for c in connections:
        c.settle()
        c.abort(False)


def connect_and_leave(port, stats):
    """3,000 connections one after the other, each with one request."""
    started = time.monotonic()
    for i in range(3000):
        c = Connection(port)
        c.say(b"get nothing\r\n", b"END\r\n")
        c.settle()
        c.abort(i % 2 == 0)
    stats["connections"] = 3000 / (time.monotonic() - started)


def abrupt_closes(port, stats):
    """Connections that end amid commands and answers; the others go on."""
    rng = random.Random(2)
    for turn in range(3):
        connections = [Connection(port) for _ in range(CONNECTIONS)]
        for i, c in enumerate(connections):
            queue_commands(c, rng, b"abrupt%d.%d" % (turn, i), 10)
        leaving = connections[::2]
        for i, c in enumerate(leaving):
            c.sock.setblocking(False)
            c.out += b"set half 0 0 60000\r\n" + b"h" * rng.randrange(5000)
            c.send_some()
            c.abort(i % 3 != 0)
        exchange(connections[1::2])
        for c in connections[1::2]:
            c.abort(turn == 1)


def all_gone(server):
    """The server has noticed every close."""
    count = None
    for _ in range(100):
        count = int(server.statistics()["curr_connections"])
        if count < 10:
            return
        time.sleep(0.1)
    raise Failure(f"{count} connections are open in the server, all are closed")


def ended_well(server):
    check(server.process.poll() is None, "the server ended by itself")
    status = server.stop()
    check(status in (0, -signal.SIGTERM), f"the server ended with {status}")


def right_libraries(server, libdir):
    found = server.libraries()
    check(found, "the server maps no libevent")
    if libdir:
        libdir = os.path.realpath(libdir)
        for path in found:
            check(os.path.dirname(os.path.realpath(path)) == libdir,
                  f"the server maps {path}")


class Run:
    """One server through all test cases."""

    def __init__(self, name):
        self.name = name
        self.passed = self.failed = 0
        self.stats = {}

    def case(self, function, *args):
        try:
            function(*args)
        except (Failure, OSError) as e:
            self.failed += 1
            print(f"FAILED memcached/{function.__name__} ({self.name}): {e}",
                  flush=True)
            return False
        self.passed += 1
        return True

    def all(self, prefix, env, libdir):
        try:
            server = Server(prefix, env)
        except (Failure, OSError) as e:
            self.failed += 1
            print(f"FAILED memcached/start ({self.name}): {e}")
            return ""
        try:
            self.case(right_libraries, server, libdir)
            for f in (many_connections, one_by_one, late_reader, cut_in_pieces,
                      connect_and_leave, abrupt_closes):
                self.case(f, server.port, self.stats)
            self.case(all_gone, server)
            if server.process.poll() is None:
                self.stats["cpu"] = server.cpu_seconds()
            self.case(ended_well, server)
        finally:
            server.stop()
        return server.output()

    def figures(self):
        labels = (("answers", "answers checked", "%d"),
                  ("bulk", "pipelined answers/s", "%.0f"),
                  ("rate", "single requests/s", "%.0f"),
                  ("connections", "connections/s", "%.0f"),
                  ("cpu", "server CPU s", "%.2f"))
        return ", ".join(f"{text} {form % self.stats[key]}"
                         for key, text, form in labels if key in self.stats)


# Configurations of our libraries: options of `libevent-aio run`, environment.
CONFIGS = {
    "adaptive": (["--policy", "adaptive"], {}),
    "always": (["--policy", "always"], {}),
    "noaio": ([], {"EVENT_NOAIO": "1"}),
    "poll": ([], {"EVENT_NOEPOLL": "1"}),
    "select": ([], {"EVENT_NOEPOLL": "1", "EVENT_NOPOLL": "1"}),
}


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("--runner", help="path of libevent-aio")
    p.add_argument("--libdir", help="where the server's libevent must lie")
    p.add_argument("--config", default="adaptive,always,noaio,poll",
                   help="of: " + " ".join(CONFIGS) + " (%(default)s)")
    p.add_argument("--compare", action="store_true",
                   help="the same on the system's libevent, for the figures")
    p.add_argument("--verbose", action="store_true",
                   help="show what the server and the library say")
    args = p.parse_args()
    if shutil.which("memcached") is None:
        sys.exit("memcached.py: there is no memcached")
    passed = failed = 0
    clean = {k: v for k, v in os.environ.items() if not k.startswith("EVENT_")}
    todo = []
    if args.runner:
        for name in args.config.split(","):
            options, extra = CONFIGS[name]
            prefix = [args.runner, "run"] + options
            if args.verbose:
                extra = dict(extra, EVENT_AIO_VERBOSE="1")
                prefix += ["--stats"]
            todo.append((name, prefix + ["--"], extra, args.libdir))
    if args.compare or not args.runner:
        todo.append(("system's libevent", [], {}, None))
    for name, prefix, extra, libdir in todo:
        run = Run(name)
        said = run.all(prefix, dict(clean, **extra), libdir)
        passed += run.passed
        failed += run.failed
        print(f"memcached ({name}): {run.figures()}", flush=True)
        if said and (args.verbose or run.failed):
            print("    " + "\n    ".join(said.strip().splitlines()[-60:]))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
