# For the tests of the doctor, which source it behind lib.sh: it builds on that.
# shellcheck shell=sh disable=SC2154
names='libevent libevent_core libevent_extra libevent_pthreads libevent_openssl'
[ -f "$builddir/.libs/libevent_openssl-2.1.so.7" ] || {
	skip "everything" "libevent_openssl is not built here"
	finish
	exit 77
}

# "The system's" libraries, and ours but for one.
mkdir stand some
cat >lib.c <<'EOF'
const char *FUNCTION(void) { return "system"; }
const char marks[] = MARKS;
EOF
for n in $names; do
	build -shared -fPIC -DFUNCTION="which_$n" -DMARKS='""' \
		-Wl,-soname,$n-2.1.so.7 -o stand/$n-2.1.so.7 lib.c
	cp "$builddir/.libs/$n-2.1.so.7" some
done
rm some/libevent_openssl-2.1.so.7

# diagnose NAME STATUS LEVEL ID PATTERN [COMMAND...]: a finding of that level and
# id whose text has the pattern, in a diagnosis by `doctor --json` that COMMAND
# makes; the exit status is STATUS, and the text form agrees.
cat >match.py <<'EOF'
import json, re, sys
level, ident, pattern, status = sys.argv[2:]
d = json.load(open(sys.argv[1]))
found = [f for f in d["findings"] if f["level"] == level and f["id"] == ident
         and re.search(pattern, f["text"])]
keys = ["version", "status", "verdict", "kernel", "aio_works", "aio_reason",
        "aio_nr", "aio_max_nr", "seccomp", "container", "directory", "program",
        "pid", "binary", "libraries", "findings"]
problems = []
if not found:
    problems.append("no such finding")
if list(d) != keys:
    problems.append("other keys: %s" % list(d))
if d["status"] != int(status) or \
        d["verdict"] != ["good", "limit", "bad"][int(status)]:
    problems.append("verdict %s, %s" % (d["status"], d["verdict"]))
for p in problems:
    print(p)
sys.exit(bool(problems))
EOF
shortage='Resource temporarily unavailable|no context is left'
diagnose() {
	title=$1 status=$2 level=$3 ident=$4 pattern=$5
	shift 5
	tries=0
	# Others may have all AIO contexts for a while.
	while timeout 60 "$@" >json 2>err </dev/null
		got=$?
		grep -qE "$shortage" json && ! is_so "$level" "$ident" "$pattern" &&
			[ $tries -lt 150 ]
	do
		tries=$((tries + 1))
		sleep 0.2
	done
	also "$title" "$level" "$ident" "$pattern"
}

# is_so LEVEL ID PATTERN: the last diagnosis has such a finding, and its status.
is_so() {
	[ $got -eq "$status" ] &&
		python3 match.py json "$1" "$2" "$3" "$status" >why 2>&1
}

# also NAME LEVEL ID PATTERN: the same of the last diagnosis.
also() {
	if is_so "$2" "$3" "$4"; then
		passed=$((passed + 1))
		return
	fi
	failed=$((failed + 1))
	echo "[  FAILED  ] $1: status $got, not $status; $(cat why)"
	sed 's/^/    /' json err
}

# doctor NAME STATUS LEVEL ID PATTERN [ARGS]
doctor() {
	title=$1 status=$2 level=$3 ident=$4 pattern=$5
	shift 5
	diagnose "$title" "$status" "$level" "$ident" "$pattern" \
		"$tool" doctor --json "$@"
}
