#!/bin/sh
# format.sh CLANG_FORMAT FILE...: would clang-format change a file? `make format` lets it.
set -eu

tool=$1
shift
command -v "$tool" >/dev/null 2>&1 || {
	echo "format-check: no $tool; deploy/setup deps ci installs it" >&2
	exit 1
}
places=$("$tool" --dry-run "$@" 2>&1 | sed -n 's/^\([^:]*\):[0-9].*warning:.*/\1/p')
if [ -n "$places" ]; then
	printf '%s\n' "$places" | sort | uniq -c | sort -rn |
		sed 's/^ *\([0-9]*\) \(.*\)/format-check: \2 differs in \1 places/' >&2
	echo "format-check: $(printf '%s\n' "$places" | sort -u | wc -l) of $# files;" \
		"make format rewrites them" >&2
	exit 1
fi
echo "format-check: $# files"
