#!/usr/bin/env python3
"""sbom.py PROGRAM FILE: what PROGRAM is made of, as CycloneDX 1.6 JSON.

The program is asked, not a list kept by hand: its dynamic section, and its notes of what it loads when it is needed
(base/late.h). Each library that it needs so, and those need, as the loader of this machine finds them; whose Debian
package each file is; what that package's copyright file says, if a machine can read it. Where nothing is known nothing is said. The same program on the same machine gives the same bytes:
the only time in it is SOURCE_DATE_EPOCH, or that of the commit.
"""
import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse
import uuid

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOADER = re.compile(r"^ld-linux|^ld64|^linux-vdso")

# Debian's short names that mean exactly what SPDX calls so. All others are given as Debian says them.
SPDX = {
    "Apache-2": "Apache-2.0",
    "Apache-2.0": "Apache-2.0",
    "Artistic": "Artistic-1.0-Perl",
    "BSD-2-clause": "BSD-2-Clause",
    "BSD-3-clause": "BSD-3-Clause",
    "Expat": "MIT",
    "GPL-1+": "GPL-1.0-or-later",
    "GPL-2": "GPL-2.0-only",
    "GPL-2+": "GPL-2.0-or-later",
    "GPL-3+": "GPL-3.0-or-later",
    "ISC": "ISC",
    "LGPL-2": "LGPL-2.0-only",
    "LGPL-2+": "LGPL-2.0-or-later",
    "LGPL-2.1+": "LGPL-2.1-or-later",
    "LGPL-3+": "LGPL-3.0-or-later",
    "curl": "curl",
    "OLDAP-2.8": "OLDAP-2.8",
    "Zlib": "Zlib",
}
BY_CASE = {name.lower(): spdx for name, spdx in SPDX.items()}


def run(*command):
    """What a command says; nothing if it fails, or is not here."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    except FileNotFoundError:
        return ""
    return done.stdout if done.returncode == 0 else ""


def hashes(path):
    with open(path, "rb") as f:
        content = f.read()
    return [{"alg": f"SHA-{bits}", "content": hashlib.new(f"sha{bits}", content).hexdigest()} for bits in (256, 512)]


def needed(path):
    """The sonames that an ELF file needs."""
    return [name for name in re.findall(r"\(NEEDED\).*\[(.*)\]", run("readelf", "-dW", path)) if not LOADER.match(name)]


def late(program):
    """The sonames that its notes tell: each note is a JSON list, and readelf shows it as a text."""
    notes = re.findall(r"\[\{.*\}\]", run("readelf", "-W", "-p", ".note.dlopen", program))
    return [name for note in notes for entry in json.loads(note) for name in entry["soname"]]


def loaded(program):
    """soname -> file, of all libraries that the loader maps for the program, and has to map later."""
    said = run("env", "LD_PRELOAD=" + " ".join(late(program)), "ldd", program)
    found = dict(re.findall(r"^\s*(\S+) => (/\S+)", said, re.M))
    return {name: os.path.realpath(path) for name, path in found.items()}


def package_of(path):
    """The Debian package of a file; of a machine with /lib inside of /usr, by either name. Empty without dpkg."""
    for name in (path, path.removeprefix("/usr")):
        owner = re.match(r"([^:,\s]+)(?::[^:,\s]+)?: ", run("dpkg-query", "-S", name))
        if owner:
            return owner[1]
    return ""


def expression(said):
    """Debian's "A or B and C" in SPDX's words, if each of its licences has the same name or a known one; or nothing."""
    words = re.split(r" (or|and) ", said)
    known = [word.upper() if n % 2 else BY_CASE.get(word.lower()) for n, word in enumerate(words)]
    return " ".join(known) if all(known) and len(set(words[1::2])) <= 1 else ""


def licences(package):
    """The licence of the whole source package, but for Debian's own files; nothing if no machine can read the copyright
    file, or if parts have others: which of them the library is made of is not said. And all names in it."""
    try:
        with open(f"/usr/share/doc/{package}/copyright", encoding="utf-8", errors="replace") as f:
            text = f.read()
    except OSError:
        return None, []
    names = set()
    if re.match(r"Format: https?://www\.debian\.org/doc/packaging-manuals/copyright-format/1\.0", text):
        for paragraph in re.split(r"\n\s*\n", text):
            files = re.search(r"^Files:((?:.*)(?:\n[ \t].*)*)", paragraph, re.M)
            said = re.search(r"^License:[ \t]*(\S.*)$", paragraph, re.M)
            if files and said and not all(name.startswith("debian/") for name in files[1].split()):
                names.add(" ".join(said[1].split()))
    if len(names) != 1:
        return None, sorted(names)
    name = min(names)
    spdx = expression(name)
    if " " in spdx:
        return [{"expression": spdx, "acknowledgement": "declared"}], []
    licence = {"id": spdx} if spdx else {"name": name}
    return [{"license": {**licence, "acknowledgement": "declared"}}], []


def release():
    """Name and number of this distribution, for package URLs."""
    fields = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)', run("cat", "/etc/os-release"), re.M))
    return fields.get("ID", "debian"), fields.get("VERSION_ID", "")


def component(package, paths):
    """One Debian package, with the libraries of it that are linked."""
    files = [{"type": "file", "name": path, "hashes": hashes(path)} for path in sorted(paths)]
    if not package:  # nobody knows it: only the file speaks
        return {**files[0], "type": "library", "bom-ref": "file:" + files[0]["name"]}
    form = "${Version}\t${Architecture}\t${source:Package}\t${source:Version}\t${Maintainer}\n"
    version, arch, source, source_version, _ = run("dpkg-query", "-W", "-f", form, package).split("\n")[0].split("\t")
    distribution, number = release()
    quote = lambda text: urllib.parse.quote(text, safe="")  # noqa: E731
    purl = f"pkg:deb/{distribution}/{quote(package)}@{quote(version)}?arch={arch}&distro={distribution}-{number}"
    made = {"type": "library", "bom-ref": purl, "name": package, "version": version, "purl": purl}
    said, several = licences(package)
    if said:
        made["licenses"] = said
    properties = [("debian:source", f"{source} {source_version}")]
    if not said:
        properties.append(("debian:copyright", "NOASSERTION: " + ("several" if several else "not machine readable")))
    properties += [("debian:copyright:part", name) for name in several]
    made["properties"] = [{"name": name, "value": value} for name, value in properties]
    made["components"] = files
    return made


def timestamp():
    ours = os.path.exists(os.path.join(TOP, ".git"))
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or (run("git", "-C", TOP, "log", "-1", "--format=%ct").strip() if ours else "")
    return run("date", "-u", "-d", f"@{epoch}", "+%Y-%m-%dT%H:%M:%SZ").strip() if epoch else ""


def main():
    program, target = sys.argv[1:]
    version = run(program, "version").split()[1]
    paths = loaded(program)
    direct = needed(program) + late(program)
    missing = [name for name in direct if name not in paths]
    if not paths or missing:
        sys.exit(f"sbom.py: the loader does not find {missing or 'the libraries of ' + program}")
    owner = {path: package_of(path) for path in sorted(set(paths.values()))}
    libraries = {}
    for path, package in owner.items():
        libraries.setdefault(package or path, []).append(path)
    components = {key: component("" if key.startswith("/") else key, files) for key, files in sorted(libraries.items())}

    def refs(names):
        return sorted({components[owner[paths[name]] or paths[name]]["bom-ref"] for name in names if name in paths})

    digest = hashes(program)
    own = f"pkg:generic/flightspan@{version}"
    edges = [{"ref": own, "dependsOn": refs(direct)}]
    for key, files in sorted(libraries.items()):
        ref = components[key]["bom-ref"]
        edges.append({"ref": ref, "dependsOn": [r for r in refs({n for path in files for n in needed(path)}) if r != ref]})
    about = {
        "lifecycles": [{"phase": "build"}],
        "component": {
            "type": "application",
            "bom-ref": own,
            "name": "flightspan",
            "version": version,
            "description": "Go flight recorder snapshots as OpenTelemetry traces",
            "hashes": digest,
            "licenses": [{"license": {"id": "Apache-2.0", "acknowledgement": "declared"}}],
            "purl": own,
        },
    }
    when = timestamp()
    content = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {**({"timestamp": when} if when else {}), **about},
        "components": list(components.values()),
        "dependencies": edges,
    }
    # Another content, another number: the standard wants it unique, we want it repeatable.
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(content, sort_keys=True))
    content = {**content, "serialNumber": f"urn:uuid:{number}"}
    os.makedirs(os.path.dirname(os.path.abspath(target)), exist_ok=True)
    with open(target, "w", encoding="utf-8") as f:
        json.dump(content, f, indent=1, ensure_ascii=False)
        f.write("\n")
    print(f"{target}: {len(paths)} libraries of {len(components)} packages")


if __name__ == "__main__":
    main()
