#!/bin/sh
# test_layers.sh: layers.sh finds each kind of violation, and none where there is none.
set -eu
cd "$(dirname "$0")"

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
passed=0
failed=0

# try FILE INCLUDE EXPECTED: a tree with this one line in it.
try()
{
	rm -rf "$tmp/tree"
	mkdir -p "$tmp/tree/$(dirname "$1")"
	printf '#include <stdio.h>\n%s\n' "$2" >"$tmp/tree/$1"
	got=ok
	./layers.sh "$tmp/tree" >/dev/null 2>&1 || got=refused
	if [ "$got" = "$3" ]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAIL layers: $1 with $2 is $got" >&2
	fi
}

try base/a.c '#include "base/b.h"' ok
try base/a.c '#include "config/node.h"' refused
try base/a.c '#include "b.h"' refused
try base/a.h '#  include  "../cli/cli.h"' refused
try config/a.c '#include "base/b.h"' ok
try config/a.c '#include "mapping/span.h"' refused
try collector/trace/a.c '#include "config/settings.h"' ok
try collector/trace/a.c '#include "mapping/span.h"' refused
try collector/source/a.h '#include "exporter/http.h"' refused
try mapping/a.c '#include "collector/trace/event.h"' ok
try mapping/a.c '#include "collector/trace/reader.h"' refused
try mapping/a.c '#include "exporter/otlp_json.h"' refused
try exporter/a.c '#include "mapping/span.h"' ok
try exporter/a.c '#include "trace_service.pb-c.h"' ok
try exporter/a.c '#include "mapping/mapper.h"' refused
try exporter/a.c '#include "collector/trace/event.h"' refused
try cli/a.c '#include "exporter/http.h"' ok
try cli/a.c '#include "tests/unit/span_gen.h"' refused

echo "test_layers: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
