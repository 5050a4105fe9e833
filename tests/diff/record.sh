#!/bin/bash
# record.sh OUT KIND NAME GODEBUG [ARG...]: one trace, recorded now, at OUT.
#
# KIND is test, the tests of a package; testprog, a program of the toolchain's own testdata; or
# program, one of tests/programs, which PROGRAMS was built from; cgo is tests/programs/cgo. The
# toolchain is GOTOOLCHAIN's. Nothing is done if OUT is there. Called by live.sh, which sets WORK.
set -u

: "${WORK:?}" "${PROGRAMS:?}"
out=$1
kind=$2
name=$3
settings=$4
shift 4
[ ! -s "$out" ] || exit 0
work=$(mktemp -d "$WORK/record.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

export GOWORK=off GODEBUG=
[ "$settings" = - ] || GODEBUG=$settings

# What the tests come to is not our business, if only they were traced to their end.
test_trace()
{
	timeout 280 go test -short -count=1 -vet=off -o "$work/test" -trace "$work/trace" "$@" "$name"
	status=$?
	[ $status -le 1 ] && [ -s "$work/trace" ]
}

record()
{
	case $kind in
	test) test_trace "$@" ;;
	testprog)
		# With traceadvanceperiod=0 a program may hardly get on beside other work.
		GODEBUG='' timeout 280 go build -o "$work/program" \
			"$(go env GOROOT)/src/internal/trace/testdata/testprog/$name.go" &&
			timeout 180 "$work/program" >"$work/trace"
		;;
	program) timeout 60 "$PROGRAMS/programs" -run "$name" -o "$work/trace" ;;
	cgo) timeout 60 "$PROGRAMS/cgo" -o "$work/trace" ;;
	*) false ;;
	esac
}

if record "$@" 2>"$work/log"; then
	mkdir -p "$(dirname "$out")" && mv "$work/trace" "$out"
else
	echo "FAIL record $out: $(tail -n 1 "$work/log")"
fi
exit 0
