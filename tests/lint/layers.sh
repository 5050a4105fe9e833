#!/bin/sh
# layers.sh: includes point only downwards (HACKING.md, "Layers").
#
# A file may include what the first pattern of its folder allows, by its path from the root.
# With an argument: look there instead, which is how test_layers.sh proves that this can fail.
set -eu
cd "${1-$(dirname "$0")/../..}"

rules()
{
	cat <<'RULES'
base       base/.*
config     (base|config)/.*
collector  (base|config|collector)/.*
mapping    (base|config|mapping)/.*|collector/trace/event\.h
exporter   (base|config|exporter)/.*|mapping/(span|metric)\.h|[a-z_]*\.pb-c\.h
cli        (base|config|collector|mapping|exporter|cli)/.*
RULES
}

bad=$(rules | while read -r folder allowed; do
	[ -d "$folder" ] || continue
	grep -rnE --include='*.[ch]' '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' "$folder" |
		grep -vE "\"($allowed)\"" || :
done)

if [ -n "$bad" ]; then
	printf '%s\n' "$bad" | sed 's/^/layers: upwards or sideways: /' >&2
	exit 1
fi
echo "layers: 6 folders, includes point downwards"
