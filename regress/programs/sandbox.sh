# Sourced first by the scripts that run a program of Debian on our libraries:
# NAME.sh LIBDIR. Starts the script again as root of its own network, mount and
# process namespaces, with loopback alone and a time limit: ports are free,
# nothing leaves the machine, and nothing that was started outlives the script.
# Last line: PASS NAME: ... or FAIL NAME: why.
# shellcheck shell=bash disable=SC2034,SC2013
set -eu
export LC_ALL=C.UTF-8
name=$(basename "$0" .sh)
here=$(cd "$(dirname "$0")" && pwd)
limit=${LIMIT:-120}

if [ $# -ne 1 ] || [ ! -d "$1" ]; then
	echo "usage: $name.sh LIBDIR" >&2
	exit 2
fi

if [ -z "${SANDBOX-}" ]; then
	libdir=$(realpath "$1")
	if [ "$(id -u)" -ne 0 ]; then
		echo "FAIL $name: only root can make its namespaces"
		exit 1
	fi
	SANDBOX=$(mktemp -d)
	export SANDBOX
	chmod 755 "$SANDBOX"
	trap 'rm -rf "$SANDBOX"' EXIT
	status=0
	timeout -s KILL "$limit" unshare -n -m -p -f --mount-proc --kill-child \
		bash "$0" "$libdir" || status=$?
	[ "$status" -ne 137 ] || echo "FAIL $name: not done in $limit s"
	exit "$status"
fi

libdir=$1
cd "$SANDBOX"
# An address besides 127.0.0.1: getaddrinfo() hides families without one.
ip link set lo up
ip address add 10.9.0.1/32 dev lo

fail() {
	tail -n 20 ./*.log >&2 || :
	echo "FAIL $name: $*"
	exit 1
}

# start TAG COMMAND...: in the background, on LIBDIR's libraries; sets pid.
start() {
	local tag=$1
	shift
	LD_LIBRARY_PATH=$libdir "$@" >"$tag.log" 2>&1 </dev/null &
	pid=$!
}

# within SECONDS COMMAND...: until it succeeds.
within() {
	local tries=$(($1 * 20))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $((tries -= 1)) -gt 0 ] || return 1
		sleep 0.05
	done
}

accepts() {
	(: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# uses_ours PID...: every libevent in these processes is LIBDIR's.
uses_ours() {
	local p path found
	for p; do
		found=
		for path in $(grep -o '/[^ ]*libevent[^ ]*\.so[^ ]*' \
			"/proc/$p/maps" | sort -u); do
			[ "$(dirname "$path")" = "$libdir" ] ||
				fail "process $p uses $path"
			found=yes
		done
		[ -n "$found" ] || fail "process $p uses no libevent"
	done
}

# ends_well PID: on TERM, within 10 s, with status 0.
ends_well() {
	local status=0
	kill -TERM "$1" || fail "process $1 is gone"
	within 10 gone "$1" || fail "process $1 ignores TERM"
	wait "$1" || status=$?
	[ "$status" -eq 0 ] || fail "process $1 ended with $status"
}

# Ended, though not waited for yet.
gone() {
	local state
	state=$(sed 's/.*) \(.\).*/\1/' "/proc/$1/stat" 2>/dev/null) ||
		return 0
	[ "$state" = Z ]
}
