#!/bin/bash
# dist.sh: the release tarball: what is committed and nothing else, the same bytes from another clone, and a program
# that builds and runs where there is no git.
# shellcheck disable=SC2016 # what stands in single quotes is for another shell
set -u
cd "$(dirname "$0")/../.." || exit 1
# shellcheck disable=SC1091 # it is checked by itself
. tests/deploy/lib.sh
work=${work:?}
trap 'rm -rf "$work"' EXIT
[ -e .git ] || skip check-dist "needs the git repository"
unset MAKEFLAGS MFLAGS MAKELEVEL

version=$(sed -n 's/^#define FLIGHTSPAN_VERSION "\(.*\)"$/\1/p' base/version.h)
tarball=build/dist/flightspan-$version.tar.gz
ok "make dist" make -s dist
same "all that is committed, and nothing else" "$(git ls-tree -r --name-only HEAD | sort)" \
	"$(tar -tzf "$tarball" | grep -v '/$' | sed "s,^flightspan-$version/,," | sort)"

git clone -q . "$work/clone"
(
	umask 077
	cd "$work/clone" && touch untracked && TZ=Asia/Tokyo LC_ALL=C.UTF-8 deploy/package.sh dist
) >"$work/said" 2>&1
ok "the same bytes from another clone, umask and time zone" cmp "$tarball" "$work/clone/$tarball"

# A git that says so if it is called.
mkdir "$work/bin" "$work/away"
printf '#!/bin/sh\necho "$@" >>"%s/git-called"\nexit 127\n' "$work" >"$work/bin/git"
chmod +x "$work/bin/git"
tar -xzf "$tarball" -C "$work/away"
tree=$work/away/flightspan-$version
ok "builds without git" env PATH="$work/bin:$PATH" make -s -j2 -C "$tree" WERROR=1
ok "and never asks for it" test ! -e "$work/git-called"
program=$tree/build/release/flightspan
same "flightspan version" "flightspan $version" "$("$program" version | head -n 1)"
"$program" convert -o "$work/spans.jsonl" "$tree/deploy/example/demo.trace.zst" >"$work/said" 2>&1
ok "converts the demo snapshot" grep -q '"name":"authorize card"' "$work/spans.jsonl"
ok "make install from there" env PATH="$work/bin:$PATH" make -s -C "$tree" install DESTDIR="$work/dest"
ok "which runs" "$work/dest/usr/local/bin/flightspan" version
ok "make sbom from there" env PATH="$work/bin:$PATH" make -s -C "$tree" sbom
no "its tree makes no tarball of a repository around it" \
	bash -c 'mkdir -p "$1/build/x" && cp -r "$2/base" "$2/deploy" "$1/build/x" && "$1/build/x/deploy/package.sh" dist' \
	sh "$work/clone" "$tree"
sum check-dist
