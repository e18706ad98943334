#!/bin/bash
# sslsplit.sh LIBDIR: Debian's sslsplit, a TLS proxy that ends and begins TLS by
# bufferevent_openssl, and finds the site's address by evdns. It links libevent
# and libevent_openssl, so that libevent_core is in the process too. Bodies that
# come through are compared byte by byte: a fixed target, a target by name, many
# at once, uploads, clients that leave in the midst.
# Not in ./check, which installs no such programs: needs the packages sslsplit,
# curl, openssl, iproute2 and python3, and root.
. "$(dirname "$0")/sandbox.sh"

certificate() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$1.key" \
		-out "$1.crt" -subj "/CN=$2" -addext "$3" 2>openssl.log ||
		fail "no certificate for $2"
}
certificate ca "Test CA" basicConstraints=critical,CA:TRUE
certificate site site.example subjectAltName=DNS:site.example
head -c 3000000 /dev/urandom >blob
echo "nameserver 127.0.0.1" >resolv.conf
mount --bind resolv.conf /etc/resolv.conf

python3 "$here/site.py" >site.log 2>&1 &
within 10 accepts 9443 || fail "the site does not start"
start sslsplit sslsplit -D -u root -k ca.key -c ca.crt \
	https 127.0.0.1 8443 127.0.0.1 9443 https 127.0.0.1 8444 sni 9443
proxy=$pid
within 10 accepts 8444 || fail "sslsplit does not listen"
# The parent opens files for the child, where the loop is.
child=$(tr -d " " <"/proc/$proxy/task/$proxy/children")
[ -n "$child" ] || fail "sslsplit has no child"
uses_ours "$child"

# fetch PORT CURL-ARGUMENT...: from the site by the proxy
fetch() {
	local port=$1
	shift
	curl -sS --max-time 60 --cacert ca.crt --http1.1 \
		--resolve "site.example:$port:127.0.0.1" "$@"
}

for port in 8443 8444; do
	fetch $port "https://site.example:$port/blob" -o got ||
		fail "no answer by port $port"
	cmp blob got || fail "another body by port $port"
	fetch $port --data-binary @blob -o got \
		"https://site.example:$port/" || fail "no upload by port $port"
	cmp blob got || fail "another upload by port $port"
done
names=$(wc -l <names.log)
[ "$names" -ge 2 ] || fail "$names names were asked for"

jobs=
for i in {1..24}; do
	fetch $((8443 + i % 2)) -o "got.$i" -o "got.$i.again" \
		"https://site.example:$((8443 + i % 2))/blob" \
		"https://site.example:$((8443 + i % 2))/blob" 2>"curl.$i.log" &
	jobs="$jobs $!"
done
for job in $jobs; do
	wait "$job" || fail "a fetch of many failed"
done
for file in got.*; do
	cmp blob "$file" || fail "another body among many: $file"
done

# Cut off in the midst of a body: the proxy has to live on.
for i in {1..10}; do
	fetch 8444 https://site.example:8444/blob 2>>cut.log |
		head -c $((i * 100000)) >/dev/null || :
done
fetch 8443 https://site.example:8443/blob -o got ||
	fail "no answer after clients that left"
cmp blob got || fail "another body after clients that left"

ends_well "$proxy"
echo "PASS $name: $(find . -name 'got*' | wc -l) bodies of 3 MB kept," \
	"$(wc -l <names.log) names asked, $SECONDS s"
