#!/usr/bin/env python3
"""A site.example for the test of a TLS proxy: HTTPS on 127.0.0.1:9443 that
serves the working directory and sends back what is posted, and a name server
on 127.0.0.1:53 whose every name is 127.0.0.1. Names asked go to names.log."""

import http.server
import socket
import ssl
import struct
import threading


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def answer_names():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s, \
            open("names.log", "w", encoding="ascii", buffering=1) as log:
        s.bind(("127.0.0.1", 53))
        while True:
            query, peer = s.recvfrom(4096)
            end = query.index(b"\0", 12) + 1
            kind = query[end:end + 2]
            print(query[12:end].hex(), file=log)
            record = b""
            if kind == b"\0\1":
                record = struct.pack(">HHHLH4B", 0xC00C, 1, 1, 60, 4,
                                     127, 0, 0, 1)
            head = query[:2] + struct.pack(">HHHHH", 0x8180, 1, bool(record),
                                           0, 0)
            s.sendto(head + query[12:end + 4] + record, peer)


def main():
    threading.Thread(target=answer_names, daemon=True).start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("site.crt", "site.key")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 9443), Handler)
    server.request_queue_size = 128
    server.socket = context.wrap_socket(server.socket, server_side=True,
                                        do_handshake_on_connect=False)
    server.serve_forever()


main()
