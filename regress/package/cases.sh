# Sourced by the scripts that consist of test cases: a scratch folder, cases whose
# output is shown if they fail, and the sum.
# shellcheck shell=bash
passed=0
failed=0
skipped=0
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT
trap 'exit 1' HUP INT TERM

# test_case TEXT COMMAND...: sets status. It must not be called in a condition:
# set -e would not hold within.
test_case() {
	local text=$1
	shift
	set +e
	(
		set -e
		"$@"
	) >"$scratch/log" 2>&1
	status=$?
	set -e
	if [ "$status" -eq 0 ]; then
		passed=$((passed + 1))
		echo "  $text ($SECONDS s)"
	else
		failed=$((failed + 1))
		grep -v '^(Reading database' "$scratch/log" | tail -n 40 || :
		echo "FAILED $text"
	fi
}

# For what nothing afterwards makes sense without.
needed() {
	test_case "$@"
	[ "$status" -eq 0 ] || finish
}

# Fails if there are such lines.
absent() {
	if grep "$@"; then
		return 1
	fi
}

skip() {
	skipped=$((skipped + 1))
	echo "  skipped: $*"
}

finish() {
	echo "$passed passed, $failed failed, $skipped skipped"
	[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
	exit
}
