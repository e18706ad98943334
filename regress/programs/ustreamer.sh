#!/bin/bash
# ustreamer.sh LIBDIR: Debian's ustreamer, a web camera's server on evhttp (with
# bufferevents of its own for the streams, and threads). Without a camera it
# shows a placeholder. Checked are authorization, errors, files by
# evbuffer_add_file byte by byte, many requests on one connection, requests in
# pieces, streams to many clients, clients that leave.
# Files are asked for one by one: ustreamer 4.9 closes the descriptor that it
# gave to evbuffer_add_file, which may be another connection's by then, on
# libevent as well.
# Not in ./check, which installs no such programs: needs the packages ustreamer,
# curl, iproute2 and python3, and root.
. "$(dirname "$0")/sandbox.sh"

mkdir files
head -c 20000000 /dev/urandom >files/blob.bin
echo hello >files/small.txt
start ustreamer ustreamer --device /dev/none --host 127.0.0.1 --port 8080 \
	--user user --passwd secret --static files
server=$pid
within 10 accepts 8080 || fail "ustreamer does not listen"
uses_ours "$server"

url=http://127.0.0.1:8080
get() {
	curl -sS --max-time 60 -u user:secret "$@"
}
# code STATUS CURL-ARGUMENT...
code() {
	local want=$1 is
	shift
	is=$(curl -sS --max-time 20 -o body -w '%{http_code}' "$@") ||
		fail "no answer: $*"
	[ "$is" = "$want" ] || fail "$is instead of $want: $*"
}

code 401 $url/state
code 401 -u user:wrong $url/state
code 200 -u user:secret $url/state
grep -q '"ok": true' body || fail "no state"
code 404 -u user:secret $url/none
code 200 -u user:secret $url/snapshot
[ "$(head -c 3 body | od -An -tx1)" = " ff d8 ff" ] || fail "no picture"
[ "$(get -w '%{num_connects} ' -o /dev/null $url/small.txt -o /dev/null \
	$url/small.txt -o /dev/null $url/state)" = "1 0 0 " ] ||
	fail "connections are not kept"

# Pictures by many connections, 50 on each.
get $url/snapshot -o picture || fail "no picture"
jobs=
for i in {1..16}; do
	mkdir "many.$i"
	get "$url/snapshot?[1-50]" -o "many.$i/#1" 2>"curl.$i.log" &
	jobs="$jobs $!"
done
for job in $jobs; do
	wait "$job" || fail "one client of many failed"
done
n=0
for file in many.*/*; do
	cmp "$file" picture || fail "another picture among many: $file"
	n=$((n + 1))
done
[ "$n" -eq 800 ] || fail "$n pictures of 800"

for i in 1 2 3; do
	get $url/blob.bin -o body || fail "no file"
	cmp body files/blob.bin || fail "another file"
done

timeout 60 python3 - <<'P' >clients.log 2>&1 || fail "streams"
import base64
import socket

AUTH = b"Authorization: Basic " + base64.b64encode(b"user:secret") + b"\r\n"


def ask(path):
    s = socket.create_connection(("127.0.0.1", 8080), 20)
    s.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + AUTH + b"\r\n")
    return s


def frame(f):
    while not (line := f.readline()).startswith(b"Content-Length:"):
        assert line, "the stream ended"
    n = int(line.split()[1])
    while f.readline() not in (b"\r\n", b""):
        pass
    picture = f.read(n)
    assert len(picture) == n and picture[:3] == b"\xff\xd8\xff"


streams = [ask(b"/stream") for _ in range(30)]
files = [s.makefile("rb") for s in streams]
for f in files:
    frame(f)
for s, f in zip(streams[:20], files[:20]):
    f.close()
    s.close()
for f in files[20:]:
    frame(f)

# A request byte by byte.
s = socket.create_connection(("127.0.0.1", 8080), 20)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for b in b"GET /small.txt HTTP/1.0\r\n" + AUTH + b"\r\n":
    s.send(bytes([b]))
answer = s.makefile("rb").read()
assert answer.endswith(b"\r\n\r\nhello\n"), answer

# What is no request.
s = socket.create_connection(("127.0.0.1", 8080), 20)
s.sendall(b"\x16\x03\x01\x00\r\n\r\n")
answer = s.makefile("rb").read()
assert not answer or b" 400 " in answer.splitlines()[0], answer
P

code 200 -u user:secret $url/state
ends_well "$server"
echo "PASS $name: 800 pictures, 3 files of 20 MB kept, 30 streams, $SECONDS s"
