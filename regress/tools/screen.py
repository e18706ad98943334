#!/usr/bin/env python3
"""libevent-aio stats --watch on a terminal: refreshed in place, and the terminal
is as before whatever ends it.

usage: screen.py TOOL PID

PID is a process whose counters are to be seen. Prints a line for each case: ok
NAME or FAILED NAME: reason. Every wait has an end.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

ENTER = b"\x1b[?1049h\x1b[?25l"
LEAVE = b"\x1b[?25h\x1b[?1049l"
HOME = b"\x1b[H"
LIMIT_S = 30


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, argv, term="xterm", rows=40, columns=100):
        self.master, slave = pty.openpty()
        self.size(rows, columns)
        self.before = termios.tcgetattr(slave)
        env = dict(os.environ, TERM=term)
        # A session of its own with this terminal, as from a login.
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=env,
            close_fds=True, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.slave = slave  # kept open: the master must not see a hang-up
        self.text = b""

    def size(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, wait_s):
        if select.select([self.master], [], [], wait_s)[0]:
            self.text += os.read(self.master, 65536)

    def until(self, done, what):
        end = time.monotonic() + LIMIT_S
        while not done():
            if time.monotonic() > end:
                raise AssertionError("waited in vain for " + what)
            self.read(0.05)

    def until_drawn(self, times):
        start = self.text.count(HOME)
        self.until(lambda: self.text.count(HOME) >= start + times,
                   "%d refreshes" % times)

    def attributes(self):
        return termios.tcgetattr(self.slave)

    def end(self):
        """The exit status, with all that was written in self.text."""
        self.until(lambda: self.process.poll() is not None, "the end")
        while select.select([self.master], [], [], 0)[0]:
            self.read(0)
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def check_left(t):
    """The terminal is as it was, and the last word was the way back."""
    check(t.attributes() == t.before, "the terminal's modes are not restored")
    check(t.text.count(ENTER) == t.text.count(LEAVE), "not left again")
    check(t.text.rfind(LEAVE) > t.text.rfind(ENTER), "left in the wrong order")
    check(HOME not in t.text[t.text.rfind(LEAVE):], "drawn after it was left")


def screen_text(t):
    """What is on the screen after the last whole refresh."""
    last = t.text.split(HOME)[-1 if t.text.endswith(b"\x1b[J") else -2]
    return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", last).decode()


def in_place(t):
    t.until_drawn(4)
    check(t.text.startswith(ENTER), "does not begin with another page")
    check(not t.attributes()[3] & termios.ECHO, "keys are echoed")
    lines = screen_text(t).split("\r\n")
    check("process" in lines[0] and "q quits" in lines[0], "no heading")
    check(any(re.search(r"^passes +\d+ +\d+\.\d", part) for l in lines
              for part in (l, l[40:])), "no rates: %r" % lines)
    check(any(re.search(r"^ +1 +\d", l) for l in lines), "no line of a base")
    os.write(t.master, b"x\n")
    t.until_drawn(2)
    os.write(t.master, b"q")
    check(t.end() == 0, "status is not 0")
    check_left(t)
    after = t.text[t.text.rfind(LEAVE):]
    check(b"  callbacks " in after, "what was last seen is not printed")


def interrupted(t):
    t.until_drawn(1)
    os.write(t.master, b"\x03")
    check(t.end() == 0, "status is not 0")
    check_left(t)


def end_of_input(t):
    t.until_drawn(1)
    os.write(t.master, b"\x04")
    check(t.end() == 0, "status is not 0")
    check_left(t)


def terminated(t):
    t.until_drawn(1)
    t.process.terminate()
    check(t.end() == -signal.SIGTERM, "does not die by the signal")
    check_left(t)


def stopped(t):
    t.until_drawn(1)
    os.kill(t.process.pid, signal.SIGTSTP)
    state = "/proc/%d/stat" % t.process.pid
    t.until(lambda: open(state).read().rsplit(")", 1)[1].split()[0] == "T",
            "the stop")
    t.until(lambda: t.text.endswith(LEAVE), "the way back")
    check_left(t)
    t.process.send_signal(signal.SIGCONT)
    t.until(lambda: t.text.count(ENTER) == 2, "its return")
    t.until_drawn(1)
    os.write(t.master, b"q")
    check(t.end() == 0, "status is not 0")
    check_left(t)


def resized(t):
    t.until_drawn(1)
    for rows, columns in ((5, 20), (1, 1), (60, 200), (24, 60)):
        t.size(rows, columns)
        t.process.send_signal(signal.SIGWINCH)
        t.until_drawn(3)
        lines = screen_text(t).split("\r\n")
        check(len(lines) <= rows, "%d lines on %d rows" % (len(lines), rows))
        check(all(len(l) < columns for l in lines),
              "too long for %d columns: %r" % (columns, lines))
    os.write(t.master, b"Q")
    check(t.end() == 0, "status is not 0")
    check_left(t)


def counted(t):
    check(t.end() == 0, "status is not 0")
    check_left(t)
    check(t.text.count(HOME) >= 3, "not drawn three times")


def dumb(t):
    check(t.end() == 0, "status is not 0")
    check(b"\x1b" not in t.text, "a dumb terminal gets escapes")
    check(b"passes/s" in t.text, "no lines")
    check(t.attributes() == t.before, "modes are changed")


def process_ends(tool):
    """The process that is watched ends: the terminal is left, and it is said."""
    ticker = subprocess.Popen(["./ticker"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    ticker.stdout.readline()
    t = Terminal([tool, "stats", str(ticker.pid), "-w", "0.02"])
    try:
        t.until_drawn(2)
        ticker.stdin.close()
        ticker.wait()
        check(t.end() == 0, "status is not 0")
        check_left(t)
        check(b"has ended" in t.text, "the end is not said")
    finally:
        t.close()


def main():
    tool, pid = sys.argv[1:]
    watch = [tool, "stats", pid, "--watch", "0.02"]
    cases = [
        ("refreshed in place, q", in_place, watch, "xterm"),
        ("Ctrl-C", interrupted, watch, "xterm"),
        ("Ctrl-D", end_of_input, watch, "xterm"),
        ("SIGTERM", terminated, watch, "xterm"),
        ("stopped and continued", stopped, watch, "xterm"),
        ("resized", resized, watch, "xterm"),
        ("counted", counted, watch + ["--count", "3"], "xterm"),
        ("dumb terminal", dumb, watch + ["--count", "2"], "dumb"),
    ]
    bad = 0
    for name, run, argv, term in cases:
        t = Terminal(argv, term)
        try:
            run(t)
            print("ok " + name)
        except AssertionError as e:
            bad += 1
            print("FAILED %s: %s" % (name, e))
        finally:
            t.close()
    try:
        process_ends(tool)
        print("ok the process ends")
    except AssertionError as e:
        bad += 1
        print("FAILED the process ends: %s" % e)
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
