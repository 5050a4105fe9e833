#!/bin/sh
# shell.sh: shellcheck over every tracked shell script, found by its first line.
set -eu
cd "$(dirname "$0")/../.."

command -v shellcheck >/dev/null 2>&1 || {
	echo "shellcheck: not here; deploy/setup deps ci installs it" >&2
	exit 1
}
scripts=$(git grep -lE '^#!.*/(ba)?sh$' -- . | while read -r file; do
	head -n 1 "$file" | grep -qE '^#!.*/(ba)?sh$' && echo "$file"
done)
# shellcheck disable=SC2086 # one word a file
shellcheck $scripts
shellcheck --shell=bash tests/deploy/lib.sh
echo "shellcheck: $(echo "$scripts" | wc -l) scripts"
