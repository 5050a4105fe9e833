#!/bin/sh
# spelling.sh: codespell over the tracked text files. Words that are meant so are in
# spelling.txt; files of deliberate mistakes are left out.
set -eu
cd "$(dirname "$0")/../.."

command -v codespell >/dev/null 2>&1 || {
	echo "spelling: no codespell; deploy/setup deps ci installs it" >&2
	exit 1
}
git ls-files -z -- ':!tests/data/bad' ':!tests/fuzz/corpus/*/*' ':!*.zst' ':!*.xz' ':!*.sum' ':!tests/unit/test_num.c' \
	':!tests/unit/test_schema.c' ':!tests/lint/spelling.txt' |
	xargs -0 codespell --ignore-words tests/lint/spelling.txt
echo "spelling: $(git ls-files | wc -l) files"
