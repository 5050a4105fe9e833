#!/bin/bash
# install.sh install|uninstall|list PROGRAM: what `make install` puts below $DESTDIR$PREFIX, and
# `make uninstall` removes; run by make. The unit names the program where it is.
set -eu
cd "$(dirname "$0")/.."
what=${1:?install, uninstall or list}
program=${2:?the program}
root=${DESTDIR:-}${PREFIX:-/usr/local}
doc=share/doc/flightspan

# Mode, place below PREFIX, and where it comes from: a file, or a command after a !
files()
{
	cat <<LIST
755 bin/flightspan $program
644 share/man/man1/flightspan.1 docs/flightspan.1
644 share/man/man5/flightspan.yaml.5 docs/flightspan.yaml.5
644 share/bash-completion/completions/flightspan !$program completion bash
644 share/zsh/site-functions/_flightspan !$program completion zsh
644 share/fish/vendor_completions.d/flightspan.fish !$program completion fish
644 lib/systemd/system/flightspan.service !sed s|/usr/bin/flightspan|${PREFIX:-/usr/local}/bin/flightspan| deploy/systemd/flightspan.service
644 lib/sysusers.d/flightspan.conf deploy/systemd/flightspan.sysusers
644 $doc/examples/flightspan.yaml deploy/systemd/flightspan.yaml
644 $doc/examples/flightspan-all-keys.yaml deploy/config/flightspan.yaml
644 $doc/flightspan.schema.json docs/flightspan.schema.json
LIST
}

made=$(mktemp)
trap 'rm -f "$made"' EXIT
files | while read -r mode place from; do
	case $what in
	list) echo "$place" ;;
	uninstall) rm -f "$root/$place" ;;
	install)
		case $from in
		!*)
			# shellcheck disable=SC2086 # a command and its arguments
			${from#!} >"$made"
			from=$made
			;;
		esac
		install -D -m "$mode" "$from" "$root/$place"
		echo "  INSTALL $root/$place"
		;;
	esac
done
# Folders that are ours alone.
if [ "$what" = uninstall ]; then
	for folder in "$doc/examples" "$doc"; do
		[ ! -d "$root/$folder" ] || rmdir --ignore-fail-on-non-empty "$root/$folder"
	done
fi
