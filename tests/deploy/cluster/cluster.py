#!/usr/bin/env python3
"""cluster.py KUBE OTELCOL PROGRAM IMAGES: a node of Kubernetes, and what deploy/kubernetes/README.md tells to type typed there.

../cluster.sh starts it as root, in network, mount and process namespaces of its own: the first thing it does is to give
these an address and folders, and all that it starts ends with it. Everything is real but the names: dnsmasq answers
for the one service that the sidecar sends to.
"""
import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(TOP / "tests/run"), str(TOP / "tests/docs")]
sys.dont_write_bytecode = True

from blocks import blocks, commands, kind  # noqa: E402
from harness import WORK, Failure, Tests, alive, need, wait_for  # noqa: E402

KUBE, OTELCOL, PROGRAM, IMAGES = (os.path.realpath(path) for path in sys.argv[1:])
NODE = "10.250.0.1"
CONTAINERD = "/run/containerd/containerd.sock"
LOGS = TOP / "build/cluster/logs"
QUEUE = WORK / "queue"
STORED = WORK / "spans.json"
DESK = WORK / "source"  # where the reader types
README = list(blocks((TOP / "deploy/kubernetes/README.md").read_text()))
TYPED = [line for _, language, text in README if kind(language, text) == "commands" for line in commands(text)]
tests = Tests("check-cluster")


def do(*command, **more):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120, **more)
    need(done.returncode == 0, f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def write(name, text):
    path = WORK / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def start(name, *command):
    with open(LOGS / f"{name}.log", "w") as log:
        process = subprocess.Popen(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=WORK)
    alive(process)
    return process


def own_namespaces():
    """Nothing of the machine's is written: its networks are not there, /run and /var/log are others."""
    need(os.getpid() == 1, "this wants namespaces of its own: cluster.sh makes them")
    do("mount", "-t", "tmpfs", "tmpfs", "/run")
    write("var-log/made", "")
    do("mount", "--bind", WORK / "var-log", "/var/log")
    for line in ("link set lo up", "link add node0 type bridge", f"address add {NODE}/24 dev node0", "link set node0 up", "route add default dev node0"):
        do("ip", *line.split())
    pathlib.Path("/proc/sys/net/ipv4/ip_forward").write_text("1")


def runtime():
    """containerd, pods on a bridge, and the images, which no registry has."""
    config = f"""
version = 2
root = "{WORK}/containerd"
state = "/run/containerd"
[grpc]
address = "{CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
restrict_oom_score_adj = true # a container's root may not lower it
sandbox_image = "docker.io/flightspan-test/pause:1"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "/usr/lib/cni"
conf_dir = "{WORK}/cni"
"""
    pods = {"type": "host-local", "dataDir": str(WORK / "addresses"), "ranges": [[{"subnet": "10.244.0.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipam": pods}
    write("cni/pods.conflist", json.dumps({"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}))
    start("containerd", "containerd", "--config", write("containerd.toml", config))
    wait_for(lambda: os.path.exists(CONTAINERD), "containerd")
    do("ctr", "-a", CONTAINERD, "-n", "k8s.io", "images", "import", IMAGES)


def kubernetes():
    key = WORK / "accounts.key"
    do("openssl", "genrsa", "-out", key, "2048")
    access = f"""
apiVersion: v1
kind: Config
clusters: [ {{ name: test, cluster: {{ server: "https://127.0.0.1:6443", insecure-skip-tls-verify: true }} }} ]
users: [ {{ name: test, user: {{ token: test }} }} ]
contexts: [ {{ name: test, context: {{ cluster: test, user: test }} }} ]
current-context: test
"""
    os.environ["KUBECONFIG"] = str(write("kubeconfig", access))
    as_user = ("--kubeconfig", WORK / "kubeconfig")
    start("etcd", KUBE, "etcd", "--data-dir", WORK / "etcd", "--unsafe-no-fsync")
    start("apiserver", KUBE, "apiserver", "--etcd-servers=http://127.0.0.1:2379", "--cert-dir", WORK / "certificates", "--bind-address=127.0.0.1",
          f"--advertise-address={NODE}", "--token-auth-file", write("tokens", "test,test,test,system:masters\n"), "--service-cluster-ip-range=10.96.0.0/16",
          "--service-account-issuer=https://kubernetes", f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
          "--authorization-mode=AlwaysAllow", "--kubelet-preferred-address-types=InternalIP")  # fmt: skip
    wait_for(lambda: subprocess.run([KUBE, "kubectl", "get", "--raw", "/readyz"], capture_output=True).returncode == 0, "the API server", 120)
    start("controller-manager", KUBE, "controller-manager", *as_user, "--leader-elect=false", f"--service-account-private-key-file={key}")
    start("scheduler", KUBE, "scheduler", *as_user, "--leader-elect=false")
    # The limits of a node with a full disk are not what is tested; a change of a ConfigMap is, so it is seen early.
    kubelet = f"""
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {{ anonymous: {{ enabled: true }}, webhook: {{ enabled: false }} }}
authorization: {{ mode: AlwaysAllow }}
containerRuntimeEndpoint: "unix://{CONTAINERD}"
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
clusterDomain: cluster.local
clusterDNS: ["{NODE}"]
resolvConf: "{write('resolv.conf', f'nameserver {NODE}')}"
syncFrequency: 5s
evictionHard: {{ memory.available: 1Mi, nodefs.available: "0.1%", nodefs.inodesFree: "0.1%", imagefs.available: "0.1%", imagefs.inodesFree: "0.1%" }}
imageGCHighThresholdPercent: 100
"""
    start("kubelet", KUBE, "kubelet", *as_user, "--config", write("kubelet.yaml", kubelet), "--root-dir", WORK / "kubelet",
          "--hostname-override=node-7", f"--node-ip={NODE}")  # fmt: skip
    wait_for(lambda: "node-7" in kubectl("get", "nodes", "-o", "name"), "the node", 120)
    do(KUBE, "kubectl", "wait", "--for=condition=Ready", "node/node-7", "--timeout=100s")


def kubectl(*words):
    return do(KUBE, "kubectl", *words)


def collector():
    """A real one; ended by the caller."""
    config = f"""
receivers: {{ otlp: {{ protocols: {{ http: {{ endpoint: "{NODE}:4318" }} }} }} }}
exporters: {{ file: {{ path: "{STORED}", rotation: {{ max_megabytes: 1000000 }} }} }}
service: {{ pipelines: {{ traces: {{ receivers: [otlp], exporters: [file] }} }} }}
"""
    return start("otelcol", OTELCOL, "--config", write("otelcol.yaml", config))


def resources():
    """The attributes of each resource that the Collector has stored, and the names of its spans."""
    for line in STORED.read_text().splitlines(keepends=True) if STORED.exists() else []:
        for of in json.loads(line)["resourceSpans"] if line.endswith("\n") else []:
            attributes = {a["key"]: a["value"].get("stringValue") for a in of["resource"]["attributes"]}
            yield attributes, [s["name"] for scope in of["scopeSpans"] for s in scope["spans"]]


def stored(name, pod):
    return any(name in names and attributes.get("k8s.pod.name") == pod["metadata"]["name"] for attributes, names in resources())


def type_(start_of):
    """The one command of the README that begins so, typed as it stands there."""
    found = [line for line in TYPED if line.startswith(start_of)]
    need(len(found) == 1, f"README.md has {len(found)} commands that begin with {start_of!r}")
    typed.add(found[0])
    return do("sh", "-c", found[0], cwd=DESK)


def pod():
    """The one that runs, when there is one."""
    found = []

    def one():
        found[:] = [p for p in json.loads(kubectl("get", "pods", "-n", "shop", "-o", "json"))["items"] if "deletionTimestamp" not in p["metadata"]]
        return len(found) == 1 and found[0]["status"].get("podIP")

    wait_for(one, lambda: f"one pod: {kubectl('get', 'pods,events', '-A')}")
    return found[0]


def order(address, n=12):
    """Orders at once, so that they wait for each other: a snapshot."""

    def one(i):
        connection = http.client.HTTPConnection(address, 8080, timeout=30)
        connection.request("POST", "/orders", json.dumps({"item": "tea", "quantity": 1 + i % 3}))
        connection.getresponse().read()  # some are refused: it is an example
        connection.close()

    with concurrent.futures.ThreadPoolExecutor(n) as pool:
        list(pool.map(one, range(n)))


def order_until(condition, what, address):
    def met():
        order(address)
        return condition()

    wait_for(met, what)


def logged():
    return kubectl("logs", "-n", "shop", "deployment/orders", "-c", "flightspan")


def reader():
    """What stands in for one: the source folder, the programs, an empty namespace, a volume for the claim."""
    shutil.copytree(TOP / "deploy/kubernetes", DESK / "deploy/kubernetes")
    programs = WORK / "bin"
    programs.mkdir()
    (programs / "flightspan").symlink_to(PROGRAM)
    (programs / "kubectl").write_text(f'#!/bin/sh\nexec {shlex.quote(KUBE)} kubectl "$@"\n')
    (programs / "kubectl").chmod(0o755)
    os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    QUEUE.mkdir()
    os.chown(QUEUE, 65532, 65532)
    volume = {"capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOncePod"], "hostPath": {"path": str(QUEUE)}}
    made = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "queue"}, "spec": volume}
    kubectl("create", "-f", write("volume.json", json.dumps(made)))
    kubectl("create", "namespace", "shop")
    start("dnsmasq", "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root", "--bind-interfaces",
          "--local=/cluster.local/", f"--listen-address={NODE}", f"--address=/jaeger-collector.observability.svc.cluster.local/{NODE}")  # fmt: skip


@tests
def apply():
    """Typed in the README's order, the pod is up and ready."""
    for begin in ("mkdir", "cp", "flightspan config check"):
        type_(begin)
    own = next(text for _, _, text in README if "kind: Kustomization" in text)
    (DESK / "mine/kustomization.yaml").write_text(own + "\n")
    type_("kubectl apply")
    said = type_("kubectl rollout status")
    need("successfully rolled out" in said, said)
    claim = json.loads(kubectl("get", "pvc", "-n", "shop", "-o", "json"))["items"]
    need([c["status"]["phase"] for c in claim] == ["Bound"], f"the claim: {claim}")


@tests
def log_and_queue():
    """The log begins as the README says, and the queue can be listed from outside."""
    first = type_("kubectl logs").splitlines()
    need("restricted to the folders of" in first[0] or "no Landlock" in first[0], f"the first line: {first[0]}")
    need(any("started with" in line for line in first), f"{first}")
    said = type_("kubectl exec -n shop deployment/orders -c flightspan -- flightspan queue list")
    need("jaeger" in said, said)


@tests
def spans():
    """Requests to the service are spans of the pod in the Collector: who it is, by the downward API."""
    here = pod()
    order_until(lambda: stored("POST /orders", here), lambda: f"spans: {logged()}", here["status"]["podIP"])
    attributes = next(a for a, names in resources() if "POST /orders" in names)
    expected = {
        "service.name": "orders", "k8s.pod.name": here["metadata"]["name"], "k8s.pod.uid": here["metadata"]["uid"], "k8s.namespace.name": "shop",
        "k8s.node.name": "node-7", "host.name": here["metadata"]["name"], "service.instance.id": "shop." + here["metadata"]["name"],
    }  # fmt: skip
    for key, value in expected.items():
        need(attributes.get(key) == value, f"{key} is {attributes.get(key)}, not {value}")


@tests
def queue_is_kept():
    """What waits for the backend when the pod goes is sent by the next one."""
    receiver.kill()
    receiver.wait()
    here, before = pod(), logged()
    n = sum(1 for _ in resources())

    def waits():
        said = type_("kubectl exec -n shop deployment/orders -c flightspan -- flightspan queue list")
        return re.search(r"jaeger: [1-9][0-9]* spans queued", said)

    order_until(waits, lambda: f"spans that wait: {before}", here["status"]["podIP"])
    kubectl("delete", "pod", "-n", "shop", here["metadata"]["name"])
    type_("kubectl rollout status")
    need(pod()["metadata"]["name"] != here["metadata"]["name"], "the same pod")
    need(sum(1 for _ in resources()) == n, "spans arrived at nobody")
    collector()
    wait_for(lambda: any(a.get("k8s.pod.name") == here["metadata"]["name"] for a, _ in list(resources())[n:]), lambda: f"the old pod's spans: {logged()}")


@tests
def reload():
    """Without the hash in its name, the ConfigMap is written again by the kubelet, and a signal has it read."""
    own, config = DESK / "mine/kustomization.yaml", DESK / "mine/flightspan.yaml"
    own.write_text(own.read_text() + "generatorOptions: { disableNameSuffixHash: true }\n")
    type_("kubectl apply")
    type_("kubectl rollout status")
    same = pod()["metadata"]["name"]
    there = ("exec", "-n", "shop", "deployment/orders", "-c", "flightspan", "--", "cat", "/etc/flightspan/flightspan.yaml")
    for text, says in ((config.read_text().replace("min_free: 64MiB", "min_free: 32MiB"), "read again, and in use"), ("no_such_key: {}\n", "no_such_key")):
        config.write_text(text)
        type_("kubectl apply")
        wait_for(lambda text=text: kubectl(*there) == text, "the kubelet to write it", 150)
        type_("kubectl exec -n shop deployment/orders -c flightspan -- sh")
        wait_for(lambda says=says: says in logged(), lambda says=says: f"{says}: {logged()}")
    need(pod()["metadata"]["name"] == same, "another pod")


@tests
def all_typed():
    """Nothing that the README shows was left out."""
    need(set(TYPED) == typed, f"not typed: {set(TYPED) - typed}")


typed = set()
own_namespaces()
LOGS.mkdir(parents=True, exist_ok=True)
try:
    runtime()
    kubernetes()
    receiver = collector()
    reader()
except Failure as e:
    sys.exit(f"FAIL check-cluster: no cluster: {e}; logs are in {LOGS.relative_to(TOP)}")
tests.run()
