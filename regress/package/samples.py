#!/usr/bin/env python3
"""Builds libevent's sample programs, unmodified, on our libraries, and runs them.

Each is linked in two ways: with what pkg-config says in our folder, and with
plain -L, -rpath and -levent. Neither needs anything of the environment when it
runs. The last line is 'N passed, N failed, N skipped'.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from program import Failure, Program, check, own_network
import sample_cases

HERE = os.path.dirname(os.path.abspath(__file__))
REGRESS = os.path.dirname(HERE)
TLS = ("https-client", "le-proxy")
MORE = {"https-client": ["hostcheck", "openssl_hostname_validation"]}
CFLAGS = "-O2 -g -w -fno-strict-aliasing -D_GNU_SOURCE".split()
WAYS = ("pkg-config", "plain")
FIXED_PORTS = ("hello_world", "dns_server")


def fetch_samples(build):
    cache = os.environ.get("XDG_CACHE_HOME") or (
        os.path.join(os.environ["HOME"], ".cache")
        if os.access(os.environ.get("HOME") or "/nonexistent", os.W_OK) else "")
    where = os.path.join(cache, "libevent-aio") if cache else build
    fetch = os.path.join(REGRESS, "upstream", "fetch")
    if subprocess.run([fetch, where]).returncode != 0:
        sys.exit("samples: libevent's sample programs cannot be had")
    return os.path.join(where, "sample")


def lay_out(build, samples):
    """The samples in T/sample, below the headers that stand for libevent's
    internal ones, which some of them include."""
    tree = os.path.join(build, "T")
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(os.path.join(REGRESS, "shim"), tree)
    shutil.copytree(samples, os.path.join(tree, "sample"))
    return tree


def clean_env():
    return {k: v for k, v in os.environ.items()
            if not k.startswith(("EVENT_", "LD_", "PKG_CONFIG"))}


def link_flags(libdir, way, sample):
    if way == "plain":
        names = ["event_openssl", "event"] if sample in TLS else ["event"]
        return ([f"-L{libdir}", f"-Wl,-rpath,{libdir}"] +
                ["-l" + n for n in names])
    packages = ["libevent_openssl"] if sample in TLS else ["libevent"]
    return subprocess.run(
        ["pkg-config", "--cflags", "--libs"] + packages,
        env=dict(clean_env(), PKG_CONFIG_PATH=os.path.join(libdir, "pkgconfig")),
        capture_output=True, text=True, check=True).stdout.split()


def link(tree, libdir, way, sample, where):
    sources = [os.path.join(tree, "sample", name + ".c")
               for name in [sample] + MORE.get(sample, [])]
    target = os.path.join(where, sample)
    tls = ["-lssl", "-lcrypto"] if sample in TLS else []
    r = subprocess.run(
        os.environ.get("CC", "cc").split() + CFLAGS +
        ["-I" + tree, "-I" + os.path.join(tree, "sample")] + sources +
        ["-o", target] + link_flags(libdir, way, sample) + tls,
        capture_output=True, text=True)
    check(r.returncode == 0, r.stdout + r.stderr)
    return target


class Session:
    def __init__(self, libdir):
        self.libdir = libdir
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}

    def look(self, program):
        """Only our libraries are in the process, and they say so."""
        paths = program.libraries()
        check(paths and {os.path.dirname(p) for p in paths} == {self.libdir},
              f"has {paths}, not {self.libdir}")
        program.says("^libevent-aio")

    def case(self, name, function, *arguments):
        try:
            function(*arguments)
        except Failure as e:
            self.counts["failed"] += 1
            print(f"FAILED {name}: {e}", flush=True)
            return False
        self.counts["passed"] += 1
        print(f"  {name}", flush=True)
        return True

    def run(self, way, name, run, program, cwd):
        def start(sample, *arguments):
            return Program([program] + list(arguments), cwd,
                           dict(clean_env(), EVENT_AIO_VERBOSE="1"))

        bench = sample_cases.Bench(start, self.look, cwd)
        self.case(f"{way}: {name}", run, bench)

    def way(self, way, tree, where, ports_are_free):
        built = {}
        for sample in dict(sample_cases.CASES):
            try:
                built[sample] = link(tree, self.libdir, way, sample, where)
            except Failure as e:
                self.counts["failed"] += 1
                print(f"FAILED {way}: {sample} does not build: {e}")
        for sample, run in sample_cases.CASES:
            name = run.__name__
            if name in FIXED_PORTS and not ports_are_free:
                self.counts["skipped"] += 1
                print(f"  {way}: {name}: skipped: no network of its own to be "
                      "had, and its port cannot be chosen")
            elif sample in built:
                with tempfile.TemporaryDirectory() as cwd:
                    self.run(way, name, run, built[sample], cwd)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("libdir", help="directory of our libraries, as installed")
    p.add_argument("--build", default="_build/samples",
                   help="directory for all that is made (%(default)s)")
    args = p.parse_args()
    os.makedirs(args.build, exist_ok=True)
    tree = lay_out(args.build, fetch_samples(args.build))
    session = Session(os.path.realpath(args.libdir))
    ports_are_free = own_network()
    for way in WAYS:
        where = os.path.join(os.path.abspath(args.build), way)
        os.makedirs(where, exist_ok=True)
        session.way(way, tree, where, ports_are_free)
    print(", ".join(f"{n} {k}" for k, n in session.counts.items()))
    sys.exit(1 if session.counts["failed"] or not session.counts["passed"]
             else 0)


if __name__ == "__main__":
    main()
