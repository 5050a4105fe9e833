#!/bin/bash
# install.sh PROGRAM: `make install` below a DESTDIR, what is there, and that `make uninstall`
# leaves nothing; the completions in their shells; the systemd unit and its sandbox.
# shellcheck disable=SC2016 # what stands in single quotes is for another shell
set -u
cd "$(dirname "$0")/../.." || exit 1
program=$(realpath "${1:?the program}")
# shellcheck disable=SC1091 # it is checked by itself
. tests/deploy/lib.sh
work=${work:?}
trap 'rm -rf "$work"' EXIT
dest=$work/dest

ok "make install" make -s install DESTDIR="$dest" PREFIX=/opt/fs
list=$(deploy/install.sh list "$program" | sort)
same "nothing but what is listed" "$list" "$(cd "$dest/opt/fs" && find . -type f | sed 's,^\./,,' | sort)"
ok "nothing outside of PREFIX" test "$(find "$dest" -type f | wc -l)" -eq "$(wc -l <<<"$list")"
ok "the program runs" "$dest/opt/fs/bin/flightspan" version
ok "nothing that others may write" test -z "$(find "$dest" -type f -perm /022)"
for page in 1/flightspan.1 5/flightspan.yaml.5; do
	ok "man $page" bash -c 'man -l "$1" | grep -q NAME' man "$dest/opt/fs/share/man/man$page"
done

# ---- completions

bash_says()
{
	bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _flightspan
		echo "${COMPREPLY[*]}"' bash "$dest/opt/fs/share/bash-completion/completions/flightspan" "$@"
}

same "bash: commands" "run" "$(bash_says flightspan ru)"
same "bash: actions" "list retry purge" "$(bash_says flightspan queue '')"
same "bash: options" "--protocol" "$(bash_says flightspan convert --prot)"
same "bash: values" "http/protobuf http/json grpc" "$(bash_says flightspan convert --protocol '')"
same "bash: files where files stand" "" "$(bash_says flightspan run -c '')"
if command -v fish >/dev/null; then
	fish_says()
	{
		HOME=$work fish -c "source $dest/opt/fs/share/fish/vendor_completions.d/flightspan.fish
			complete -C '$1'" | cut -f 1 | sort | tr '\n' ' '
	}
	same "fish: commands" "run " "$(fish_says 'flightspan ru')"
	same "fish: actions" "list purge retry " "$(fish_says 'flightspan queue ')"
	same "fish: values" "grpc http/json http/protobuf " "$(fish_says 'flightspan convert --protocol ')"
else
	echo "SKIP check-install: no fish: its completion was not tried; deploy/setup deps ci"
fi
if command -v zsh >/dev/null; then
	cat >"$work/zsh" <<'Z'
zmodload zsh/zpty
zpty z zsh -f -i
say() { zpty -w z "$1" }
say "PS1= RPS1= PROMPT_EOL_MARK=; fpath=($1 \$fpath); autoload -Uz compinit; compinit -D -u; LISTMAX=1000"
say 'zstyle ":completion:*" list-prompt ""; bindkey "^I" complete-word; echo READY-$((40+2))'
zpty -r -m z answer '*READY-42*' || exit 1
zpty -w -n z "flightspan $2"$'\t'
zpty -w -n z $'\C-a'"echo '<"$'\C-e'"> DONE'"$'\n'
zpty -r -m z answer '*DONE*DONE*'
print -r -- $answer
Z
	zsh_says() { TERM=dumb timeout 20 zsh -f "$work/zsh" "$dest/opt/fs/share/zsh/site-functions" "$1"; }
	ok "zsh: a command" grep -q 'flightspan version' <(zsh_says versi)
	ok "zsh: an option" grep -q -- '--retry-for' <(zsh_says 'convert --ret')
	ok "zsh: a value" grep -q 'http/json' <(zsh_says 'convert --protocol http/j')
else
	echo "SKIP check-install: no zsh: its completion was not tried; deploy/setup deps ci"
fi
ok "zsh: the syntax" bash -c '! command -v zsh || zsh -n "$1"' zsh "$dest/opt/fs/share/zsh/site-functions/_flightspan"

# ---- the service

unit=$dest/opt/fs/lib/systemd/system/flightspan.service
ok "config check of the service's sample" "$program" config check deploy/systemd/flightspan.yaml
ok "the unit runs what was installed" grep -q '^ExecStart=/opt/fs/bin/flightspan run ' "$unit"
for setting in Type=notify WatchdogSec= User= StateDirectory= LoadCredential=; do
	ok "the unit has $setting" grep -q "^$setting" "$unit"
done
if command -v systemd-analyze >/dev/null; then
	# Checked where the program is: systemd wants it to be there.
	mkdir -p "$work/units"
	sed "s,/opt/fs/bin/flightspan,$program," "$unit" >"$work/units/flightspan.service"
	SYSTEMD_LOG_LEVEL=warning ok "systemd-analyze verify" bash -c 'out=$(systemd-analyze verify --man=no "$1" 2>&1) || :
		! grep flightspan.service <<<"$out"' verify "$work/units/flightspan.service"
	exposure=$(systemd-analyze security --offline=yes "$work/units/flightspan.service" 2>&1 |
		sed -nE 's/.*Overall exposure level for [^:]*: ([0-9.]+) .*/\1/p')
	echo "systemd-analyze security: ${exposure:-none}, at most 2.0"
	ok "exposure under 2.0" awk -v e="${exposure:-9}" 'BEGIN { exit !(e < 2.0) }'
else
	echo "SKIP check-install: no systemd-analyze: the unit's sandbox was not rated; deploy/setup deps ci"
fi

# ---- and away

ok "make uninstall" make -s uninstall DESTDIR="$dest" PREFIX=/opt/fs
same "no file is left" "" "$(find "$dest" ! -type d)"
same "no folder of ours is left" "" "$(find "$dest" -name '*flightspan*')"
sum check-install
