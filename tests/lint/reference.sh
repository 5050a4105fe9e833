#!/bin/bash
# reference.sh check|update PROGRAM: the reference page, the manual page and the JSON Schema of the
# configuration are what the program's table of keys says.
set -eu
cd "$(dirname "$0")/../.."
what=${1:?check or update}
program=${2:?the program}
new=$(mktemp)
trap 'rm -f "$new"' EXIT
status=0

# one COMMAND FILE
one()
{
	"$program" config "$1" >"$new"
	if [ "$what" = update ]; then
		cat "$new" >"$2"
	elif ! diff -u "$2" "$new" >&2; then
		echo "reference: $2 is not what the program says; make reference writes it" >&2
		status=1
	fi
}

one reference docs/configuration.md
one schema docs/flightspan.schema.json
one man docs/flightspan.yaml.5
exit $status
