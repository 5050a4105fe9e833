#!/bin/bash
# package.sh dist|deb: what is published, into build/dist; run by make. The same bytes from the same
# commit, on every machine with the same tools.
#
#   dist   flightspan-VERSION.tar.gz: what is committed, and nothing else. It needs no git to build:
#          the version is in base/version.h.
#   deb    flightspan_VERSION-1_ARCH.deb, of what `dist` takes, by debhelper: deploy/debian. In an
#          unpacked tarball, of the files there. DEBFULLNAME and DEBEMAIL: who publishes it.
set -eu -o pipefail
cd "$(dirname "$0")/.."
what=${1:?dist or deb}
export LC_ALL=C TZ=UTC0
umask 022

version=$(sed -n 's/^#define FLIGHTSPAN_VERSION "\(.*\)"$/\1/p' base/version.h)
name=flightspan-$version
tarball=build/dist/$name.tar.gz
mkdir -p build/dist

# A tarball that was unpacked inside somebody's repository is not that repository.
here=$(pwd -P)
in_git()
{
	[ "$(git rev-parse --show-toplevel 2>/dev/null)" = "$here" ]
}

dist()
{
	in_git || {
		echo "make dist: no git repository here; a tarball is made of a commit" >&2
		exit 1
	}
	git diff-index --quiet HEAD -- || echo "make dist: changes that are not committed are left out" >&2
	git -c tar.umask=0022 -c core.attributesFile=/nonexistent archive --format=tar --prefix="$name/" HEAD |
		gzip -n -9 >"$tarball.tmp"
	mv "$tarball.tmp" "$tarball"
	(cd build/dist && sha256sum "$name.tar.gz")
}

# A package's upstream version has no hyphen; 0.2.0-rc1 comes before 0.2.0.
debian_version=${version/-/\~}-1

# The newest entry of Debian's change log; CHANGELOG.md goes along as the upstream one.
changelog()
{
	local who="${DEBFULLNAME:-flightspan maintainers} <${DEBEMAIL:-maintainers@flightspan.example}>"
	printf 'flightspan (%s) unstable; urgency=medium\n\n  * Version %s.\n\n -- %s  %s\n' \
		"$debian_version" "$version" "$who" "$(date -u -R -d "@$SOURCE_DATE_EPOCH")"
}

deb()
{
	local work=build/deb log=build/deb/build.log
	rm -rf "$work"
	mkdir -p "$work/$name"
	# The time of the commit, which git also gives to the files of a tarball.
	if in_git; then
		SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
		dist
		tar -xzf "$tarball" -C "$work"
	else
		SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(stat -c %Y base/version.h)}
		tar -c --exclude=./build . | tar -x -C "$work/$name"
	fi
	export SOURCE_DATE_EPOCH
	cp -r "$work/$name/deploy/debian" "$work/$name/debian"
	changelog >"$work/$name/debian/changelog"
	# The flags of make that called this are not for the build in there.
	unset MAKEFLAGS MFLAGS MAKELEVEL
	(cd "$work/$name" && dpkg-buildpackage -b -us -uc) >"$log" 2>&1 || {
		tail -n 20 "$log" >&2
		echo "make deb: the lines above are the end of $log" >&2
		exit 1
	}
	mv "$work"/flightspan*.deb build/dist/
	echo "build/dist/flightspan_${debian_version}_$(dpkg --print-architecture).deb"
}

case $what in
dist) dist ;;
deb)
	command -v dh >/dev/null || {
		echo "make deb: needs Debian's package debhelper; deploy/setup deps ci" >&2
		exit 1
	}
	deb
	;;
*) exit 2 ;;
esac
