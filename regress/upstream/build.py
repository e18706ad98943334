"""Builds libevent's unmodified tests against a directory of libraries.

The scratch tree T has the shim headers at its top and libevent's test/ below,
so that "event-internal.h" and "../event-internal.h" both find the shims; the
public headers are those of libevent-dev.
"""

import concurrent.futures
import os
import re
import shutil
import subprocess
import sys

import groups

LIBS = ["libevent_core", "libevent_extra", "libevent_pthreads",
        "libevent_openssl"]
SOVERSION = "-2.1.so.7"
CFLAGS = """-O2 -g -w -fno-strict-aliasing -std=gnu99 -DHAVE_CONFIG_H
-D_GNU_SOURCE -DTINYTEST_LOCAL -DEVENT__HAVE_LIBZ=1""".split()
SYSTEM_LIBS = "-lz -lssl -lcrypto -lpthread -lm".split()


class Failed(Exception):
    """The build cannot go on; the text says why."""


def _run(argv):
    r = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, errors="replace")
    if r.returncode != 0:
        raise Failed(" ".join(argv) + "\n" + r.stdout + r.stderr)
    return r.stdout


def _write_if_changed(path, text):
    try:
        with open(path, encoding="utf-8") as f:
            if f.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def _newest(paths):
    return max((os.path.getmtime(p) for p in paths), default=0)


class Tree:
    """Scratch tree, objects and programs for one directory of libraries.

    BUILD holds the tree, which all directories of libraries share, and a
    folder TAG for what is linked with this one. API are the names in the
    project's .sym files: what a finished libevent exports.
    """

    def __init__(self, build, tag, libdir, shim, tests, api):
        self.t = os.path.join(build, "T")
        self.obj = os.path.join(build, "obj")
        self.bin = os.path.join(build, tag)
        self.libdir = os.path.realpath(libdir)
        self.api = api
        for d in (self.obj, self.bin):
            os.makedirs(d, exist_ok=True)
        self._lay_out(shim, tests)
        self.libs = [os.path.join(self.libdir, lib + SOVERSION)
                     for lib in LIBS]
        self.libs = [p for p in self.libs if os.path.exists(p)]
        if not self.libs:
            raise Failed(f"no {LIBS[0]}{SOVERSION} in {self.libdir}")
        self.exported = set()
        for lib in self.libs:
            for line in _run(["nm", "-D", "--defined-only", lib]).splitlines():
                self.exported.add(line.split()[-1])
        self._undefined = {}

    def _lay_out(self, shim, tests):
        """Copies what changed, so that times of files tell what to compile."""
        wanted = {}
        for name in os.listdir(shim):
            if name.endswith(".h"):
                wanted[name] = os.path.join(shim, name)
        for name in os.listdir(tests):
            wanted[os.path.join("test", name)] = os.path.join(tests, name)
        os.makedirs(os.path.join(self.t, "test"), exist_ok=True)
        for name, source in wanted.items():
            target = os.path.join(self.t, name)
            with open(source, "rb") as f:
                data = f.read()
            if os.path.exists(target):
                with open(target, "rb") as f:
                    if f.read() == data:
                        continue
            shutil.copyfile(source, target)
            shutil.copymode(source, target)

    def compile(self, names, jobs):
        headers = [os.path.join(d, f) for d in (self.t, self.t + "/test")
                   for f in os.listdir(d) if f.endswith(".h")]
        newest = _newest(headers)
        cc = os.environ.get("CC", "cc").split()

        def one(name):
            source = os.path.join(self.t, "test", name + ".c")
            target = self.object(name)
            if (os.path.exists(target) and os.path.getmtime(target) >
                    max(newest, os.path.getmtime(source))):
                return
            _run(cc + CFLAGS + ["-I" + self.t, "-I" + self.t + "/test", "-c",
                                source, "-o", target])

        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, names))

    def object(self, name):
        return os.path.join(self.obj, name + ".o")

    def undefined(self, name):
        """The API names that an object wants from the libraries."""
        if name not in self._undefined:
            out = _run(["nm", "-u", self.object(name)])
            self._undefined[name] = {line.split()[-1]
                                     for line in out.splitlines()
                                     } & self.api
        return self._undefined[name]

    def missing(self, name, ignored=()):
        """The API names that an object wants and that are not built yet."""
        return {s for s in self.undefined(name) - self.exported
                if not s.startswith(tuple(ignored))}

    def missing_for_group(self, group):
        objects, ignored = groups.GROUPS[group]
        lacking = self.missing(*groups.RUNNER)
        for name in objects:
            lacking |= self.missing(name, ignored)
        return lacking

    def link(self, program, names):
        """Links a program; its path.

        Calls of API that is not built yet end in a function that says so and
        ends the process: a group that is left out cannot keep the others from
        being linked, and no test can pass by calling what is not there.
        """
        lacking = set().union(*(self.missing(n) for n in names))
        objects = [self.object(n) for n in names]
        cc = os.environ.get("CC", "cc").split()
        if lacking:
            source = os.path.join(self.bin, program + "-not-built.c")
            _write_if_changed(source, _not_built_source(sorted(lacking)))
            target = source[:-2] + ".o"
            _run(cc + ["-O", "-w", "-c", source, "-o", target])
            objects.append(target)
        path = os.path.join(self.bin, program)
        _run(cc + ["-o", path] + objects + ["-L" + self.libdir] +
             ["-l:" + os.path.basename(p) for p in self.libs] + SYSTEM_LIBS)
        self._check_mapped(path)
        return path

    def _check_mapped(self, path):
        """The loader must take every libevent from our directory."""
        env = dict(os.environ, LD_LIBRARY_PATH=self.libdir)
        out = subprocess.run(["ldd", path], env=env, capture_output=True,
                             text=True, check=True).stdout
        for line in out.splitlines():
            m = re.search(r"(libevent\S*) => (\S+)", line)
            if m and os.path.realpath(m[2]) not in map(os.path.realpath,
                                                       self.libs):
                raise Failed(f"{path} gets {m[1]} from {m[2]}")


def _not_built_source(names):
    lines = ["#include <string.h>", "#include <unistd.h>",
             "static void not_built(const char *n) {",
             "\tif (write(2, \"\\nnot built: \", 12) > 0 &&",
             "\t    write(2, n, strlen(n)) > 0) {}",
             "\t_exit(99); }"]
    lines += [f"void {n}(void) {{ not_built(\"{n}\"); }}" for n in names]
    return "\n".join(lines) + "\n"


def read_api(compat):
    """All names in compat/*.sym."""
    names = set()
    for f in os.listdir(compat):
        if f.endswith(".sym"):
            with open(os.path.join(compat, f), encoding="utf-8") as fd:
                names |= set(fd.read().split())
    if not names:
        sys.exit(f"no .sym files in {compat}")
    return names
