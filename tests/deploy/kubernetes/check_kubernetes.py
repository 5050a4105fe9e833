#!/usr/bin/env python3
"""check_kubernetes.py PROGRAM: deploy/kubernetes, rendered by kustomize, is what Kubernetes' own schemas allow and what
its README promises; its configurations are valid; and the sidecar works when it is started just so.

Needs Go for kustomize, PyPI for the schemas, root for the last part; what is missing is one loud line, and a failure
where CI is "true".
"""
import copy
import functools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/otlp"), str(TOP / "tests/run")]
sys.dont_write_bytecode = True

import official  # noqa: E402

official.enter(("kubernetes-validate==1.37.0", "pyyaml"), "kubernetes")

import kubernetes_validate  # noqa: E402
import yaml  # noqa: E402
from harness import WORK, Failure, Receiver, Tests, clocked_traces, digests, free_port, need, requests, same, wait_for  # noqa: E402
from pod import Container, environment  # noqa: E402

PROGRAM = os.path.realpath(sys.argv[1])
HERE = TOP / "deploy/kubernetes"
VARIANTS = ("base", "overlays/jaeger", "overlays/tempo")
VERSIONS = ("1.29", "1.33", "1.37")
FIELDS = {
    "metadata.name": "orders-5d8c7-x2k4p", "metadata.namespace": "shop", "metadata.uid": "1f0c9b7e-0000-4000-8000-00000000abcd",
    "spec.nodeName": "node-7", "metadata.labels['app.kubernetes.io/name']": "orders",
}  # fmt: skip
tests = Tests("check-kubernetes")


@functools.cache
def kustomize():
    """Built from its Go module, of the version in go.mod."""
    program = TOP / "build/kubernetes/kustomize"
    program.parent.mkdir(parents=True, exist_ok=True)
    command = ["go", "build", "-mod=readonly", "-trimpath", "-o", str(program), "sigs.k8s.io/kustomize/kustomize/v5"]
    try:
        done = subprocess.run(command, cwd=pathlib.Path(__file__).parent, env={**os.environ, "GOWORK": "off"}, capture_output=True, text=True)
    except FileNotFoundError:
        official.skip("NOTHING WAS CHECKED: install Go 1.25 or newer")
    if done.returncode:
        official.skip("NOTHING WAS CHECKED: kustomize cannot be built: " + done.stderr.strip()[-200:])
    return str(program)


def build(folder):
    done = subprocess.run([kustomize(), "build", str(folder)], capture_output=True, text=True)
    need(done.returncode == 0, f"kustomize build {folder}: {done.stderr}")
    return list(yaml.safe_load_all(done.stdout))


@functools.cache
def rendered(variant):
    """kind -> object."""
    return {o["kind"]: o for o in build(HERE / variant)}


def parts(variant):
    """The pod's spec, the sidecar, the service's container, the configuration."""
    objects = rendered(variant)
    spec = objects["Deployment"]["spec"]["template"]["spec"]
    (sidecar,), (service,) = spec["initContainers"], spec["containers"]
    return spec, sidecar, service, yaml.safe_load(objects["ConfigMap"]["data"]["flightspan.yaml"])


def own_overlay():
    """The kustomization that README.md tells to write, of its own folder."""
    readme = (HERE / "README.md").read_text()
    block = re.search(r"\n\n((?:    .*\n)+)", readme[readme.index("`mine/kustomization.yaml`") :])[1]
    folder = TOP / "build/kubernetes/mine"
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "overlays/jaeger/flightspan.yaml", folder)
    text = "\n".join(line[4:] for line in block.split("\n"))
    need("../deploy/kubernetes" in text, "README.md: the example names no folder of the repository")
    (folder / "kustomization.yaml").write_text(text.replace("../deploy/kubernetes", "../../../deploy/kubernetes"))
    return build(folder)


def bytes_of(quantity):
    number, unit = re.fullmatch(r"(\d+)([KMG]i)B?", quantity).groups()
    return int(number) << {"Ki": 10, "Mi": 20, "Gi": 30}[unit]


def refused(thing, version="1.37"):
    try:
        kubernetes_validate.validate(thing, version, strict=True)
    except kubernetes_validate.ValidationError as e:
        return e.message
    return None


@tests
def schemas():
    """Each object against the schemas of several versions, strictly; and a slip of the pen would be seen."""
    n = 0
    for objects in (*(build(HERE / v) for v in VARIANTS), own_overlay()):
        for thing in objects:
            for version in VERSIONS:
                why = refused(thing, version)
                need(not why, f"{thing['kind']} {thing['metadata']['name']}, Kubernetes {version}: {why}")
                n += 1
    deployment = rendered("base")["Deployment"]
    sidecar = ("spec", "template", "spec", "initContainers", 0)
    slips = (
        (*sidecar, "restartPolcy"), (*sidecar, "securityContext", "readOnlyRootFileSystem"), (*sidecar, "startupProbe", "exec", "cmd"),
        (*sidecar, "resources", "limit"), ("spec", "template", "spec", "volumes", 0, "emptyDir", "sizelimit"), ("spec", "replica"),
    )  # fmt: skip
    for path in slips:
        wrong = copy.deepcopy(deployment)
        at = wrong
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = "x"
        need(refused(wrong), f"{path[-1]} would not be seen")
    wrong = copy.deepcopy(deployment)
    wrong["spec"]["replicas"] = "one"
    need(refused(wrong), "a wrong type would not be seen")
    need("restartPolicy" in (refused(deployment, "1.27") or ""), "1.27 knew no sidecars: is restartPolicy looked at?")
    return f"{n} objects, {len(slips) + 2} slips"


@tests
def sidecar():
    """It is a native sidecar, with its probes and its bounds."""
    for variant in VARIANTS:
        spec, sidecar, service, _ = parts(variant)
        need(sidecar["restartPolicy"] == "Always", "an init container that ends")
        for probe, ready in (("startupProbe", False), ("livenessProbe", False), ("readinessProbe", True)):
            command = sidecar[probe]["exec"]["command"]
            need(command[:2] == ["flightspan", "health"] and ("--ready" in command) == ready, f"{variant}: {probe}: {command}")
            need(sidecar[probe]["timeoutSeconds"] > 5, f"{probe}: `health` itself waits for five seconds")
        for container in (sidecar, service):
            need("memory" in container["resources"]["limits"] and container["resources"]["requests"].keys() == {"cpu", "memory"}, "resources")
            need(container["image"].startswith("registry.example/"), f"{container['image']}: README says what to replace")
        need(bytes_of(sidecar["resources"]["limits"]["memory"]) >= 128 << 20, "less than a large generation needs")
        need(spec["terminationGracePeriodSeconds"] >= 20, "queue.flush and the snapshot at hand need more")


@tests
def least_privilege():
    """securityContext, for the pod and each container."""
    for variant in VARIANTS:
        spec, *containers, _ = parts(variant)
        pod = spec["securityContext"]
        need(pod["runAsNonRoot"] is True and pod["runAsUser"] > 0 and pod["runAsGroup"] > 0, "root")
        need(pod["seccompProfile"] == {"type": "RuntimeDefault"}, "seccomp")
        need(pod["fsGroup"] == pod["runAsGroup"], "the volumes belong to somebody else")
        need(spec["automountServiceAccountToken"] is False and spec["enableServiceLinks"] is False, "more than it needs")
        for key in ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace"):
            need(not spec.get(key), key)
        for c in containers:
            context = c["securityContext"]
            need(context["allowPrivilegeEscalation"] is False and context["readOnlyRootFilesystem"] is True, c["name"])
            need(context["capabilities"] == {"drop": ["ALL"]} and not context.get("privileged"), c["name"])


@tests
def volumes():
    """What the configuration names is mounted, with room; the service writes where the sidecar looks."""
    for variant in VARIANTS:
        spec, sidecar, service, config = parts(variant)
        there = {v["name"]: v for v in spec["volumes"]}
        at = {m["mountPath"]: m["name"] for m in sidecar["volumeMounts"]}
        need(set(at.values()) == set(there), "a volume that is not mounted, or not there")
        folder = config["sources"][0]["directory"]
        for path in (folder["path"], os.path.dirname(config["queue"]["path"])):
            need(path in at, f"{variant}: no volume at {path}")
        snapshots, queue = there[at[folder["path"]]], there[at[os.path.dirname(config["queue"]["path"])]]
        limit = bytes_of(snapshots["emptyDir"]["sizeLimit"])
        need(bytes_of(folder["archive_size"]) * 2 < limit, "bad/ alone would have the pod evicted")
        limit = bytes_of(queue["emptyDir"]["sizeLimit"])
        need(bytes_of(config["queue"]["max_size"]) + (128 << 20) < limit, "the queue would have the pod evicted")
        mount = {m["name"]: m["mountPath"] for m in service["volumeMounts"]}
        need(mount[snapshots["name"]] == folder["path"] and folder["path"] in service["args"], "the service writes elsewhere")
        flags = set(re.findall(r'flag\.\w+\("([\w-]+)"', (TOP / "deploy/example/main.go").read_text()))
        need({a[1:] for a in service["args"] if a.startswith("-")} <= flags, f"the example has no such flags: {service['args']}")
        claim = there[at["/etc/flightspan"]]["configMap"]["name"]
        need(claim == rendered(variant)["ConfigMap"]["metadata"]["name"] and claim != "flightspan", "the ConfigMap's name has no hash")


@tests
def configurations():
    """Each passes `config check` in the sidecar's environment; they differ in the receiver alone."""
    base = parts("base")[3]
    for variant in VARIANTS:
        _, sidecar, _, config = parts(variant)
        path = WORK / "flightspan.yaml"
        path.write_text(rendered(variant)["ConfigMap"]["data"]["flightspan.yaml"])
        env = {**os.environ, **environment(sidecar, FIELDS, {})}
        done = subprocess.run([PROGRAM, "config", "check", str(path)], env=env, capture_output=True, text=True)
        need(done.returncode == 0, f"{variant}: {done.stderr}")
        said = subprocess.run([PROGRAM, "config", "print", str(path)], env=env, capture_output=True, text=True).stdout
        for line in ("service.name: orders ", "service.instance_id: shop.orders-5d8c7-x2k4p ", "k8s.node.name"):
            need(line in said, f"{variant}: {line} is not in {said[:600]}")
        same_but = {k: v for k, v in config.items() if k != "exporters"}
        need(same_but == {k: v for k, v in base.items() if k != "exporters"}, f"{variant} and base differ in more than the receiver")
        need(variant == "base" or variant.split("/")[1] in config["exporters"][0]["otlp"]["endpoint"], "another receiver")


@tests
def kept_queue():
    """The component that README.md shows takes a claim for the emptyDir, and one pod."""
    objects = {o["kind"]: o for o in own_overlay()}
    spec = objects["Deployment"]["spec"]
    queue = next(v for v in spec["template"]["spec"]["volumes"] if v["name"] == "queue")
    need(queue == {"name": "queue", "persistentVolumeClaim": {"claimName": objects["PersistentVolumeClaim"]["metadata"]["name"]}}, f"{queue}")
    need(spec["strategy"] == {"type": "Recreate"} and spec["replicas"] == 1, "two pods would share a queue")
    images = {c["image"] for c in spec["template"]["spec"]["containers"] + spec["template"]["spec"]["initContainers"]}
    need(not any("registry.example" in i for i in images), f"{images}: images were not replaced")
    need("jaeger-collector" in objects["ConfigMap"]["data"]["flightspan.yaml"], "the configuration is not the reader's")
    need({o["metadata"]["namespace"] for o in objects.values()} == {"shop"}, "the namespace")


def converted(traces, service, env):
    """The spans that `convert` makes of these files for the same service, whose attributes ids depend on."""
    config, out = WORK / "service.yaml", WORK / "converted.pb"
    config.write_text(yaml.safe_dump({"service": service}))
    command = [PROGRAM, "convert", "-q", "-c", str(config), "--format", "otlp-proto", "-o", str(out), *map(str, traces)]
    subprocess.run(command, env={**os.environ, **env}, check=True, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return {span for request in requests(out.read_bytes()) for span in digests(request)}


def as_a_pod(variant, secrets):
    spec, sidecar, _, config = parts(variant)
    receiver, admin = Receiver(), free_port()
    text = rendered(variant)["ConfigMap"]["data"]["flightspan.yaml"]
    # Ports of this machine, where others may test too.
    text = text.replace(":4318", f":{receiver.port}").replace(":9464", f":{admin}")
    host = re.search(r"http://([^:/]*)", config["exporters"][0]["otlp"]["endpoint"])[1]
    c = Container(variant.replace("/", "-"), spec, sidecar, environment(sidecar, FIELDS, secrets), [host], PROGRAM)
    c.write_config("config", {"flightspan.yaml": text})
    c.start()
    wait_for(lambda: c.probe("startupProbe"), lambda: "startupProbe: " + c.logged(), sidecar["startupProbe"]["failureThreshold"])
    need(c.probe("livenessProbe") and c.probe("readinessProbe"), "not well: " + c.logged())
    need('restricted to the folders of' in c.logged() or "no Landlock" in c.logged(), c.logged())
    need(c.run(["touch", "/run/x"]) == 1 and c.run(["touch", "/etc/flightspan/x"]) == 1, "the root can be written")

    traces = clocked_traces()[:2]
    c.put(traces[0], "snapshots")
    spans = converted(traces[:1], config["service"], c.env)
    try:
        same(receiver, spans, variant)
    except Failure as e:
        raise Failure(f"{e}; the log: {c.logged()[-800:]}") from e
    said = b"".join(receiver.raw)
    for attribute in ("k8s.pod.name", "k8s.pod.uid", "k8s.namespace.name", "k8s.node.name", *FIELDS.values()):
        need(attribute.encode() in said, f"{attribute} is not in the resource")

    # The kubelet has written another ConfigMap.
    c.write_config("config", {"flightspan.yaml": text.replace("format: json", "format: text")})
    need(c.run(["sh", "-c", f"kill -HUP {c.process.pid}"]) == 0, "kill")
    wait_for(lambda: "read again, and in use" in c.logged(), c.logged)
    c.put(traces[1], "snapshots")
    same(receiver, spans | converted(traces[1:], config["service"], c.env), variant + ", after the reload")

    wait_for(lambda: not c.files("snapshots"), lambda: f"left: {c.files('snapshots')}; {c.logged()[-600:]}")

    need(c.run(["flightspan", "queue", "list", "-c", "/etc/flightspan/flightspan.yaml"]) == 0, "queue list")
    if variant == "base":
        c.process.send_signal(signal.SIGSTOP)
        need(not c.probe("livenessProbe"), "a process that hangs is alive")
        c.process.send_signal(signal.SIGCONT)
    need(c.stop(spec["terminationGracePeriodSeconds"]) == 0, "exit status: " + c.logged())
    return receiver


@tests
def started_so():
    """As user, with volumes, environment, probes and a changed ConfigMap as the kubelet would have it."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", "true"], stderr=subprocess.DEVNULL).returncode:
        why = "THE SIDECAR WAS NOT STARTED: needs root, and unshare to be permitted"
        need(os.environ.get("CI") != "true", why + ", and CI must not skip this")
        return f"SKIP check-kubernetes: {why}"
    for variant in VARIANTS:
        secrets = {"tempo": {"headers": "X-Scope-OrgID=team-a"}} if "tempo" in variant else {}
        receiver = as_a_pod(variant, secrets)
        need(receiver.headers.get("X-Scope-OrgID") == ("team-a" if secrets else None), f"{variant}: {receiver.headers}")
    return None


if __name__ == "__main__":
    kustomize()
    tests.run()
