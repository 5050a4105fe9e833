#!/usr/bin/env python3
"""check_sbom.py PROGRAM FILE: FILE (deploy/sbom.py) is CycloneDX as its authors' own library and schema see it, and says
of PROGRAM what the kernel and dpkg say."""
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/otlp"))
sys.dont_write_bytecode = True

import official  # noqa: E402

results = []


def same(name, expected, found):
    results.append(expected == found)
    if not results[-1]:
        print(f"FAIL {name}:\n     expected {expected}\n     found    {found}")


def mapped(program):
    """The libraries that the kernel has mapped for a sidecar: one that has what it sends and listens with."""
    with tempfile.TemporaryDirectory() as folder:
        config, door = pathlib.Path(folder, "flightspan.yaml"), pathlib.Path(folder, "admin")
        config.write_text(
            f"service: {{ name: sbom }}\nsources: [{{ name: here, directory: {{ path: {folder} }} }}]\n"
            f'exporters: [{{ name: nobody, otlp: {{ endpoint: "http://127.0.0.1:1" }} }}]\n'
            f"queue: {{ path: {folder}/queue.db }}\nadmin: {{ listen: unix:{door} }}\n", encoding="utf-8")
        with subprocess.Popen([program, "run", "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            for _ in range(3000):  # until it listens, all is mapped
                if door.exists() or process.poll() is not None:
                    break
                time.sleep(0.01)
            maps = pathlib.Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
            process.kill()
            said = process.stderr.read().decode()
            same("the sidecar began: " + said, True, door.exists())
    return {name for name in re.findall(r"(/\S+\.so[.\d]*)$", maps, re.M) if "/ld-linux" not in name}


def dpkg(package, field):
    return subprocess.run(["dpkg-query", "-W", "-f", f"${{{field}}}", package], check=True, capture_output=True, text=True).stdout


def main():
    official.enter(("cyclonedx-python-lib[json-validation]==11.12.0",), "sbom")
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator
    from packageurl import PackageURL

    program, path = sys.argv[1:]
    text = pathlib.Path(path).read_text(encoding="utf-8")
    bom = json.loads(text)
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    same("valid by the schema of CycloneDX 1.6, which knows no other fields", None, validator.validate_str(text))
    for wrong in ({**bom, "componenst": []}, {**bom, "metadata": {"timestamp": "yesterday"}}):
        same("a mistake would be seen", True, validator.validate_str(json.dumps(wrong)) is not None)

    about = bom["metadata"]["component"]
    version = subprocess.run([program, "version"], check=True, capture_output=True, text=True).stdout
    same("version", version.split()[1], about["version"])
    sums = {h["alg"]: h["content"] for h in about["hashes"]}
    same("hash of the program", hashlib.sha256(pathlib.Path(program).read_bytes()).hexdigest(), sums["SHA-256"])

    files = {f["name"]: f for c in bom["components"] for f in c.get("components", [])}
    same("libraries, as the kernel has mapped them", sorted(mapped(program)), sorted(files))
    sums = {name: hashlib.sha256(pathlib.Path(name).read_bytes()).hexdigest() for name in files}
    same("their hashes", sums, {name: f["hashes"][0]["content"] for name, f in files.items()})
    for c in bom["components"]:
        url = PackageURL.from_string(c["purl"])
        same(f"{c['name']}: purl", ("deb", "debian", c["name"], c["version"]), (url.type, url.namespace, url.name, url.version))
        same(f"{c['name']}: version", dpkg(c["name"], "Version"), c["version"])
    said = dict(re.findall(r"(\S+) ([\d.]+)", version.split("libraries:")[1]))
    packages = {c["name"]: c for c in bom["components"]}
    for library, package in (("libcurl", "libcurl4"), ("zstd", "libzstd1"), ("sqlite", "libsqlite3-0"), ("zlib", "zlib1g")):
        number = packages[package]["version"].split(":")[-1]
        same(f"{package} is the {library} of `version`", True, number.startswith(said[library]))

    edges = {d["ref"]: d["dependsOn"] for d in bom["dependencies"]}
    reached, todo = set(), [about["bom-ref"]]
    while todo:
        ref = todo.pop()
        if ref not in reached:
            reached.add(ref)
            todo += edges[ref]
    same("every component is needed by something", {about["bom-ref"], *(c["bom-ref"] for c in bom["components"])}, reached)
    elf = subprocess.run(["readelf", "-dW", "-p", ".note.dlopen", program], check=True, capture_output=True, text=True).stdout
    same("what the program itself needs, and loads", elf.count("(NEEDED)") + elf.count('"soname"'), len(edges[about["bom-ref"]]))

    same("a licence that is said", "MIT", packages["libyaml-0-2"]["licenses"][0]["license"].get("id"))
    for package in ("libc6", "libkeyutils1"):  # free text; a library and its tools under different ones
        c = packages[package]
        same(f"{package}: none is asserted", (False, True), ("licenses" in c, "NOASSERTION" in json.dumps(c["properties"])))

    with tempfile.TemporaryDirectory() as folder:
        again = [os.path.join(folder, name) for name in ("a", "b", "c")]
        for name, epoch in zip(again, ("1700000000", "1700000000", "1700000001")):
            env = {**os.environ, "SOURCE_DATE_EPOCH": epoch}
            subprocess.run([TOP / "deploy/sbom.py", program, name], check=True, env=env, stdout=subprocess.DEVNULL)
        a, b, c = (pathlib.Path(name).read_bytes() for name in again)
    same("the same bytes twice", True, a == b)
    same("SOURCE_DATE_EPOCH", "2023-11-14T22:13:20Z", json.loads(a)["metadata"]["timestamp"])
    same("another content has another number", False, json.loads(a)["serialNumber"] == json.loads(c)["serialNumber"])
    print(f"{len(files)} libraries of {len(packages)} packages, {sum('licenses' in c for c in packages.values())} with a licence")
    print(f"check-sbom: {sum(results)} passed, {len(results) - sum(results)} failed")
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
