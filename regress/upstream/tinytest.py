"""Runs tests of a tinytest program and reads its output.

Most tests fork; one that does not can take the program down with it. Then it
has failed, and the rest is run by a new process. A program that says nothing
for longer than a test may last is ended, with its process group.
"""

import os
import re
import signal
import subprocess
import tempfile
import time

SILENCE_S = 60  # a test has an alarm after 30 s
TOTAL_S = 900

PASSED, FAILED, SKIPPED, DISABLED = "passed", "failed", "skipped", "disabled"


class Result:
    """One test: outcome, and the output if it is worth reading."""

    def __init__(self, name, outcome, output=""):
        self.name = name
        self.outcome = outcome
        self.output = output


def list_tests(program, env):
    """The names of all tests, in the order in which they run."""
    out = subprocess.run([program, "--list-tests"], env=env, text=True,
                         stdin=subprocess.DEVNULL, capture_output=True,
                         timeout=30, check=True).stdout
    return [line.split()[0] for line in out.splitlines()
            if line.startswith("    ")]


def run_process(argv, env, cwd, silence_s=SILENCE_S, total_s=TOTAL_S,
                stdin=subprocess.DEVNULL):
    """Runs ARGV in a session of its own; (status or "hung", output)."""
    with tempfile.TemporaryFile() as out:
        p = subprocess.Popen(argv, env=env, cwd=cwd, stdin=stdin, stdout=out,
                             stderr=subprocess.STDOUT, start_new_session=True)
        started = spoken = time.monotonic()
        size = 0
        status = None
        while status is None:
            try:
                status = p.wait(0.2)
            except subprocess.TimeoutExpired:
                now = time.monotonic()
                if os.fstat(out.fileno()).st_size != size:
                    size = os.fstat(out.fileno()).st_size
                    spoken = now
                if now - spoken > silence_s or now - started > total_s:
                    status = "hung"
        try:
            os.killpg(p.pid, signal.SIGKILL)  # what it left behind
        except ProcessLookupError:
            pass
        p.wait()
        out.seek(0)
        return status, out.read().decode(errors="replace")


def _verdict(name, text):
    """Outcome by what was printed behind a test's name; None: no verdict."""
    short = name.rsplit("/", 1)[1]
    if f"[{short} FAILED]" in text:
        return FAILED
    if re.search(r"^\s*SKIP \S+:\d+: ", text, re.M):
        return SKIPPED  # in the midst of the test; "OK" follows
    if re.search(r"(^|\s)OK\s*$", text, re.M):
        return PASSED
    if re.search(r"(^|\s)SKIPPED\s*$", text, re.M):
        return SKIPPED
    if re.search(r"(^|\s)DISABLED\s*$", text, re.M):
        return DISABLED
    return None


def _split(names, text):
    """[(name, its output)] in the order of appearance, retries apart."""
    known = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    marks = list(re.finditer(rf"(?<![\w/.-])({known}): ", text))
    ends = [m.start() for m in marks[1:]] + [len(text)]
    return [(m[1], text[m.end():end]) for m, end in zip(marks, ends)]


def run_tests(program, names, env, cwd, force=False):
    """Runs NAMES (in table order), with FORCE those too that upstream switches
    off; a Result for each."""
    mark = "+" if force else ""
    results = {}
    left = list(names)
    while left:
        status, text = run_process([program] + [mark + n for n in left], env,
                                   cwd)
        pieces = _split(left, text)
        for name, said in pieces:
            outcome = _verdict(name, said)
            if outcome is not None:
                shown = said if outcome == FAILED else ""
                results[name] = Result(name, outcome, shown)
        done = re.search(r"^\d+ tests ok\.|TESTS FAILED\.", text, re.M)
        if done:
            for name in left:
                if name not in results:
                    results[name] = Result(name, FAILED,
                                           "no verdict\n" + text[-4000:])
            break
        # The program ended in the midst of a test: the last one it named.
        culprit, said = pieces[-1] if pieces else (None, "")
        if culprit is None or _verdict(culprit, said) is not None:
            culprit = next((n for n in left if n not in results), None)
            said = text[-4000:]
        if culprit is None:
            culprit = left[-1]
        results[culprit] = Result(culprit, FAILED,
                                  f"{said}\nthe program ended: {status}")
        left = [n for n in left if n not in results]
    return [results[n] for n in names]
