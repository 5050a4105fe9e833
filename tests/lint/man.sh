#!/bin/bash
# man.sh PROGRAM: the manual pages format without a warning, and flightspan(1) and the completions
# have every command and option that the program's help names, every key that convert reads,
# every variable.
set -eu
cd "$(dirname "$0")/../.."
program=${1:?the program}
page=docs/flightspan.1

for tool in man groff; do
	command -v "$tool" >/dev/null 2>&1 || {
		echo "man-check: no $tool; deploy/setup deps ci installs it" >&2
		exit 1
	}
done
bad=0
complain()
{
	echo "man-check: $*" >&2
	bad=1
}

for each in "$page" docs/flightspan.yaml.5; do
	warnings=$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 timeout 60 \
		man --warnings -E UTF-8 -l -Tutf8 -Z "$each" 2>&1 >/dev/null)
	[ -z "$warnings" ] || complain "$each: $warnings"
done
text=$(LC_ALL=C.UTF-8 MANWIDTH=200 timeout 60 man -E ascii -l "$page" | sed 's/.\x08//g')
shells="bash zsh fish"
declare -A completed
for shell in $shells; do
	completed[$shell]=$("$program" completion "$shell")
done

# has TEXT WORD WHERE
has()
{
	grep -qE -- "(^|[^A-Za-z_.-])$2([^A-Za-z_-]|$)" <<<"$1" || complain "$2 is not in $3"
}

options=0
while read -r command; do
	has "$text" "$command" "$page"
	for shell in $shells; do
		has "${completed[$shell]}" "$command" "the completion for $shell"
	done
	help=$("$program" help "$command")
	while read -r option; do
		options=$((options + 1))
		has "$text" "$option" "$page"
		for shell in $shells; do
			spelt=$option
			# fish writes -l name for --name, and -s n for -n.
			[ "$shell" != fish ] || case $option in
			--*) spelt="-l ${option#--}" ;;
			*) spelt="-s ${option#-}" ;;
			esac
			has "${completed[$shell]}" "$spelt" "the completion for $shell"
		done
	done < <(grep -oE '(^|[ [,])--?[a-z][a-z-]*' <<<"$help" | tr -d ' [,' | grep -vE '^-d$' |
		sort -u)
done < <("$program" help | sed -n 's/^  \([a-z]*\)  .*/\1/p' | grep -vx help)
[ "$options" -ge 8 ] || complain "only $options options found: has the help changed its form?"

keys=$(sed -nE 's/^.*\{ "((service|mapping)\.[a-z_.]*)", KEY_([A-Z]*),.*/\1 \3/p' config/keys.c |
	sed -n '/ SECTION$/!s/ .*//p')
[ -n "$keys" ] || complain "no keys found in config/keys.c"
for key in $keys; do
	has "$text" "$key" "$page"
done
names=$(grep -ohE '"OTEL_[A-Z_ ]*[A-Z]"' config/keys.c | tr -d '"' | tr ' ' '\n'
	sed -n 's/.*OTLP_ENV("\([A-Z_]*\)").*/OTEL_EXPORTER_OTLP_\1/p' config/keys.c)
for name in $names; do
	case $name in
	*_ENDPOINT) ;; # an option says it
	*) has "$text" "$name" "$page" ;;
	esac
done

[ "$bad" -eq 0 ] && echo "man-check: $options options, $(wc -w <<<"$keys") keys, $(wc -w <<<"$names") variables"
exit "$bad"
