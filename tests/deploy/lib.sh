# lib.sh: what the tests of deploy/ share; sourced. One line a case, the sum at the end.
# shellcheck shell=bash
passed=0
failed=0
work=$(mktemp -d)

# ok NAME COMMAND...: the command succeeds; what it says is shown if it does not.
ok()
{
	local name=$1
	shift
	if "$@" >"$work/said" 2>&1; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL $name"
		sed 's/^/     | /' "$work/said" | tail -n "${SAID:-12}"
	fi
}

# no NAME COMMAND...: it fails.
no()
{
	local name=$1
	shift
	ok "$name" bash -c '! "$@"' no "$@"
}

# same NAME A B
same()
{
	ok "$1" diff <(echo "$2") <(echo "$3")
}

# skip WHAT WHY: the whole test cannot run here.
skip()
{
	if [ "${CI:-}" = true ] && [ -z "${SKIP_OK:-}" ]; then
		echo "FAIL $1: $2"
		exit 1
	fi
	echo "SKIP $1: $2"
	exit 0
}

# await SECONDS COMMAND...: until it succeeds.
await()
{
	local until=$((SECONDS + $1))
	shift
	until "$@" >"$work/awaited" 2>&1; do
		if [ $SECONDS -ge $until ]; then
			cat "$work/awaited"
			return 1
		fi
		sleep 0.2
	done
}

# sum NAME: the last line, and the exit status.
sum()
{
	echo "$1: $passed passed, $failed failed"
	[ "$failed" -eq 0 ]
}
