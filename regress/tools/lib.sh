# For the tests of the command, which source it: a directory of their own to work
# in, $tmp, and the counting of cases. Before: $tool, the command.
# shellcheck shell=sh disable=SC2034,SC2046
cc=${CC:-cc}
builddir=$PWD
tmp=$(mktemp -d "${TMPDIR:-/tmp}/t_tool.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
passed=0
failed=0
skipped=0

# expect NAME STATUS OUT ERR COMMAND...: OUT is all of standard output, ERR a
# part of standard error; "-" for nothing at all there.
expect() {
	name=$1 status=$2 out=$3 err=$4
	shift 4
	timeout 60 "$@" >out 2>err </dev/null
	got=$?
	[ "$out" != - ] || out=
	if [ $got -ne "$status" ]; then
		why="status $got, not $status"
	elif [ "$(cat out)" != "$out" ]; then
		why="standard output is not '$out'"
	elif [ "$err" = - ] && [ -s err ]; then
		why="standard error is not empty"
	elif [ "$err" != - ] && ! grep -qF -e "$err" err; then
		why="standard error lacks '$err'"
	else
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	printf '[  FAILED  ] %s: %s\n' "$name" "$why"
	sed 's/^/    out: /' out
	sed 's/^/    err: /' err
}

skip() {
	skipped=$((skipped + 1))
	printf '[  SKIPPED ] %s: %s\n' "$1" "$2"
}

build() {
	$cc -O0 -w "$@" || {
		echo "[  FAILED  ] cannot build: $*"
		exit 1
	}
}

# check NAME COMMAND...: it ends with status 0.
check() {
	name=$1
	shift
	if "$@" >out 2>err </dev/null; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	printf '[  FAILED  ] %s: %s\n' "$name" "$*"
	sed 's/^/    out: /' out
	sed 's/^/    err: /' err
}

finish() {
	echo "[  PASSED  ] $passed test(s)."
	[ $skipped -eq 0 ] || echo "[  SKIPPED ] $skipped test(s)."
	[ $failed -eq 0 ] || echo "[  FAILED  ] $failed test(s)."
	[ $failed -eq 0 ]
}

# makevar NAME: what configure made of it.
makevar() {
	sed -n "s/^$1 = //p" "$builddir/Makefile"
}

# build_on_ours ARGS: a program that uses the libraries in the build directory.
build_on_ours() {
	build $(makevar AIO_SAN) "$@" -L"$builddir/.libs" -levent_core \
		-Wl,-rpath,"$builddir/.libs"
}

# wait_for COMMAND...: until it succeeds; a failed case after half a minute.
wait_for() {
	tries=0
	until "$@" >/dev/null 2>&1; do
		tries=$((tries + 1))
		if [ $tries -gt 600 ]; then
			failed=$((failed + 1))
			echo "[  FAILED  ] waited in vain for: $*"
			return 1
		fi
		sleep 0.05
	done
}
