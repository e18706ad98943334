"""What libevent's sample programs do, checked from outside: CASES is a list of
(sample, function of a Bench)."""

import http.server
import os
import re
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
from concurrent.futures import Future

from program import INT, PATIENCE_S, TERM, Failure, check

PAGE = b"a page of the test\n" * 700


class Bench:
    """A scratch folder, and the sample programs linked in one way."""

    def __init__(self, start, look, cwd):
        self.start = start  # start(sample, *arguments): a Program
        self.look = look  # look(program): its libraries are ours
        self.cwd = cwd

    def path(self, name):
        return os.path.join(self.cwd, name)


class Site(threading.Thread):
    """An HTTP server and proxy of our own, each request one connection."""

    def __init__(self, before_answer, context=None):
        super().__init__(daemon=True)
        site = self
        self.failure = None
        self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = PATIENCE_S

            def do_GET(self):
                site.seen.append(f"{self.command} {self.path}")
                try:
                    before_answer()
                except Failure as e:
                    site.failure = e
                self.send_response(200)
                self.send_header("Content-Length", str(len(PAGE)))
                self.end_headers()
                self.wfile.write(PAGE)

            def do_CONNECT(self):
                site.seen.append(f"{self.command} {self.path}")
                self.send_response(200)
                self.end_headers()
                # What comes through the tunnel is answered here as well.
                self.close_connection = False

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self.server.socket = context.wrap_socket(self.server.socket,
                                                     server_side=True)
        self.port = self.server.server_address[1]

    def run(self):
        self.server.serve_forever(0.05)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *unused):
        self.server.shutdown()
        self.server.server_close()


def certificate(bench):
    """A fresh self-signed certificate for localhost: its path and its key's."""
    key, crt = bench.path("key.pem"), bench.path("crt.pem")
    if not os.path.exists(crt):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
             "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
             "-keyout", key, "-out", crt], check=True, capture_output=True)
    return crt, key


def tls_server(bench):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(bench))
    return context


def fetch(sock, path):
    """The body of an HTTP/1.0 answer."""
    sock.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    with sock.makefile("rb") as f:
        head, _, body = f.read().partition(b"\r\n\r\n")
    check(b" 200 " in head.split(b"\r\n")[0], f"{path}: {head!r}")
    return body


def hello_world(bench):
    with bench.start("hello-world") as p:
        for _ in range(3):
            with p.connect(9995) as s, s.makefile("rb") as f:
                check(f.read() == b"Hello, World!\n", "says something else")
        bench.look(p)
        p.ends(INT)


def signal_test(bench):
    with bench.start("signal-test") as p:
        wait_for_handler(p, signal.SIGINT)
        bench.look(p)
        for n in range(3):
            # Its output comes at its end; a second signal would be lost as
            # long as the first is pending.
            p.kill(INT)
            if n < 2:
                wait_for_calm(p)
        p.ends()
        check(p.text.count("got signal 2") == 3, "not called three times")


def status_of(program, name):
    with open(f"/proc/{program.process.pid}/status", encoding="utf-8") as f:
        for line in f:
            if line.startswith(name + ":"):
                return line.split()[1]
    raise Failure(f"no {name} in its status")


def wait_for_handler(program, number):
    end = time.monotonic() + PATIENCE_S
    while not int(status_of(program, "SigCgt"), 16) >> (number - 1) & 1:
        check(time.monotonic() < end, f"does not catch signal {number}")
        time.sleep(0.01)


def wait_for_calm(program):
    """No signal is pending, and it sleeps in its loop again."""
    end = time.monotonic() + PATIENCE_S
    calm = 0
    while calm < 5:
        pending = int(status_of(program, "ShdPnd"), 16) | int(
            status_of(program, "SigPnd"), 16)
        calm = calm + 1 if not pending and status_of(
            program, "State") == "S" else 0
        check(time.monotonic() < end, "does not come to rest")
        time.sleep(0.02)


def time_test(bench):
    began = time.monotonic()
    with bench.start("time-test", "-p") as p:
        p.says(r"(timeout_cb called.*\n[^$]*){2}")
        check(time.monotonic() - began > 3.9, "timers are early")
        bench.look(p)
        p.ends(TERM, -TERM)


def event_read_fifo(bench):
    with bench.start("event-read-fifo") as p:
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(bench.path("event.fifo")):
            check(time.monotonic() < end, "makes no FIFO")
            time.sleep(0.01)
        with open(bench.path("event.fifo"), "wb", buffering=0) as f:
            f.write(b"one-line")
            wait_for_calm(p)
            f.write(b"another")
            wait_for_calm(p)
            bench.look(p)
        p.ends()
        check("Read: one-line" in p.text and "Read: another" in p.text,
              "did not read what was written")


def http_server(bench):
    os.makedirs(bench.path("docs/sub"), exist_ok=True)
    with open(bench.path("docs/page.txt"), "wb") as f:
        f.write(PAGE)
    with bench.start("http-server", "-p", "0", bench.path("docs")) as p:
        p.says(r"^Listening on .*:[0-9]+")
        port = int(re.search(r"^Listening on .*:([0-9]+)", p.text, re.M)[1])
        for _ in range(3):
            with p.connect(port) as s:
                check(fetch(s, "/page.txt") == PAGE, "another page")
        with p.connect(port) as s:
            check(b"page.txt" in fetch(s, "/"), "no list of the folder")
        with p.connect(port) as s:
            fetch(s, "/dump")
        bench.look(p)
        p.ends(INT)
        check("Received a GET request for /dump" in p.text, "no dump")


def dns_query(name, number):
    labels = b"".join(bytes([len(part)]) + part.encode()
                      for part in name.split("."))
    return struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + labels + \
        b"\0" + struct.pack("!2H", 1, 1)


def dns_server(bench):
    with bench.start("dns-example", "-T") as p:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(0.2)
            s.connect(("127.0.0.1", 10053))
            answer = b""
            for n in range(int(PATIENCE_S / 0.2)):
                try:
                    s.send(dns_query("some.example.com", n))
                    answer = s.recv(600)
                    break
                except (ConnectionRefusedError, TimeoutError):
                    time.sleep(0.02)
        check(answer[-4:] == bytes([192, 168, 11, 11]),
              f"another answer: {answer!r}")
        bench.look(p)
        p.ends(TERM, -TERM)


def dns_client(bench):
    """Both ends at once: the one asks the other's like."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        s.settimeout(PATIENCE_S)
        with bench.start("dns-example", "-s",
                         "127.0.0.1:%d" % s.getsockname()[1],
                         "some.example.com") as p:
            query, peer = s.recvfrom(600)
            bench.look(p)
            s.sendto(query[:2] + struct.pack("!5H", 0x8180, 1, 1, 0, 0) +
                     query[12:] + b"\xc0\x0c" +
                     struct.pack("!2HIH", 1, 1, 60, 4) + bytes([10, 1, 2, 3]),
                     peer)
            p.says(r"^some\.example\.com: 10\.1\.2\.3$")
            p.ends()


def http_connect(bench):
    started = Future()  # it may ask before start() is back here
    with Site(lambda: bench.look(started.result(PATIENCE_S))) as site:
        with bench.start("http-connect", f"http://127.0.0.1:{site.port}",
                         "http://inner.example.com:81/inner") as p:
            started.set_result(p)
            p.ends()
        check(site.seen == ["CONNECT inner.example.com:81", "GET /inner"],
              f"asked for {site.seen}")
        if site.failure:
            raise site.failure
        check(PAGE.decode() in p.text, "got something else")


def https_client(bench):
    started = Future()  # it may ask before start() is back here
    with Site(lambda: bench.look(started.result(PATIENCE_S)),
              tls_server(bench)) as site:
        with bench.start("https-client", "-crt", certificate(bench)[0], "-url",
                         f"https://localhost:{site.port}/some?query") as p:
            started.set_result(p)
            p.ends()
        check(site.seen == ["GET /some?query"], f"asked for {site.seen}")
        if site.failure:
            raise site.failure
        check(PAGE.decode() in p.text, "got something else")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def le_proxy(bench):
    with Site(lambda: None) as site:
        port = free_port()
        with bench.start("le-proxy", f"127.0.0.1:{port}",
                         f"127.0.0.1:{site.port}") as p:
            for _ in range(3):
                with p.connect(port) as s:
                    check(fetch(s, "/x") == PAGE, "got something else")
            bench.look(p)
            p.ends(TERM, -TERM)


def le_proxy_tls(bench):
    with Site(lambda: None, tls_server(bench)) as site:
        port = free_port()
        with bench.start("le-proxy", "-s", f"127.0.0.1:{port}",
                         f"127.0.0.1:{site.port}") as p:
            for _ in range(3):
                with p.connect(port) as s:
                    check(fetch(s, "/x") == PAGE, "got something else")
            bench.look(p)
            p.ends(TERM, -TERM)


CASES = [
    ("hello-world", hello_world),
    ("signal-test", signal_test),
    ("time-test", time_test),
    ("event-read-fifo", event_read_fifo),
    ("http-server", http_server),
    ("http-connect", http_connect),
    ("https-client", https_client),
    ("dns-example", dns_server),
    ("dns-example", dns_client),
    ("le-proxy", le_proxy),
    ("le-proxy", le_proxy_tls),
]
