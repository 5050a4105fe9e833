#!/bin/bash
# hardening.sh PROGRAM: the program and every object in it have the protections of HARDEN and
# LDFLAGS (Makefile), as readelf sees them.
# shellcheck disable=SC2016 # what stands in single quotes is for another shell
set -u
cd "$(dirname "$0")/../.." || exit 1
program=${1:?the program}
# shellcheck disable=SC1091 # it is checked by itself
. tests/deploy/lib.sh
work=${work:?}
trap 'rm -rf "$work"' EXIT

readelf -hldW "$program" >"$work/elf"
readelf -nW "$program" >"$work/notes"
readelf --dyn-syms -W "$program" >"$work/imports"
objects=$(find "$(dirname "$program")" \( -path '*/cli/*.o' -o -path '*/base/*.o' -o -path '*/config/*.o' \
	-o -path '*/collector/*.o' -o -path '*/mapping/*.o' -o -path '*/exporter/*.o' -o -path '*/gen/*.o' \))
[ -n "$objects" ] || echo "check-hardening: no objects beside $program"

has() { ok "$1" grep -qE "$2" "$work/$3"; }
has "position independent" 'Type: +DYN' elf
has "position independent program, no library" 'FLAGS_1.*PIE' elf
has "relocations are read-only" 'GNU_RELRO' elf
has "all of them: symbols are bound at the start" 'BIND_NOW|FLAGS_1.* NOW' elf
has "no stack that is executable" 'GNU_STACK .* RW +0x' elf
no "nothing both writable and executable" grep -qE 'LOAD .* RWE' "$work/elf"
no "no relocations in the text" grep -q TEXTREL "$work/elf"
no "no RPATH" grep -qE 'RPATH|RUNPATH' "$work/elf"
has "stack protector" '__stack_chk_fail' imports
fortified=$(grep -c '__[a-z]*_chk@' "$work/imports")
ok "fortified calls: $fortified, at least 5" test "$fortified" -ge 5
for call in printf fprintf sprintf; do
	no "no $call without its check" grep -qE " $call@" "$work/imports"
done
if [ "$(uname -m)" = x86_64 ]; then
	has "marked for shadow stacks" 'x86 feature:.*SHSTK' notes
	ok "main begins with a landing pad" bash -c 'objdump -d --no-show-raw-insn --disassemble=main "$1" |
		grep -A 1 "<main>:" | grep -q endbr64' main "$program"
	# The C library's start-up object of Debian 12 has no mark for IBT, so the program has none:
	# what is compiled here has to have it.
	without=$(for o in $objects; do
		readelf -nW "$o" | grep -q 'x86 feature: IBT, SHSTK' || echo "$o"
	done)
	same "every object has landing pads and may run on a shadow stack" "" "$without"
fi
ok "objects: $(wc -w <<<"$objects"), at least 100" test "$(wc -w <<<"$objects")" -ge 100
sum check-hardening
