"""A container as the kubelet would start it, without one: a root that has only what an image has, and is read-only; the
volumes of the manifest bound into it; its environment, its user, no capability. Needs root."""
import os
import re
import shutil
import signal
import subprocess

from harness import PATIENCE, WORK, Failure, alive

# $1 the root, $2 a folder with the volumes' folders, $3 the program's folder; then "name path" of each volume, --, the command.
ENTER = """
set -e
root=$1 volumes=$2 program=$3
shift 3
mount --make-rprivate /
mount --bind "$root" "$root"
for at in usr dev proc $(cd / && for d in bin lib lib64 sbin; do [ -L "$d" ] || echo "$d"; done); do
	[ ! -d "/$at" ] || mount --rbind "/$at" "$root/$at"
done
mount --bind "$program" "$root/opt/bin"
mount -o remount,bind,ro "$root"
while [ "$1" != -- ]; do
	mount --bind "$volumes/$1" "$root/$2"
	[ "$3" != ro ] || mount -o remount,bind,ro "$root/$2"
	shift 3
done
shift
exec chroot "$root" "$@"
"""
PLACES = ("usr", "dev", "proc", "etc", "opt/bin", "run", "var/lib", "tmp", "bin", "lib", "lib64", "sbin")


def image(name, hosts):
    """A root as an image has it, where these hosts are this machine."""
    root = WORK / name
    for place in PLACES:
        link = "/" + place
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        if os.path.islink(link):
            os.symlink(os.readlink(link), root / place)
        else:
            (root / place).mkdir()
    shutil.copy("/etc/ld.so.cache", root / "etc")
    (root / "etc/hosts").write_text("127.0.0.1 localhost " + " ".join(hosts) + "\n")
    (root / "etc/nsswitch.conf").write_text("hosts: files\n")
    return root


def environment(container, fields, secrets):
    """The variables of a container: downward API, secrets, $(NAME) of those before."""
    env = {}
    for entry in container.get("env", []):
        value, source = entry.get("value", ""), entry.get("valueFrom", {})
        if "fieldRef" in source:
            value = fields[source["fieldRef"]["fieldPath"]]
        elif "secretKeyRef" in source:
            ref = source["secretKeyRef"]
            if ref["name"] not in secrets:
                if not ref.get("optional"):
                    raise Failure(f"no secret {ref['name']}, and it is not optional")
                continue
            value = secrets[ref["name"]][ref["key"]]
        env[entry["name"]] = re.sub(r"\$\((\w+)\)", lambda m: env.get(m[1], m[0]), value)
    return env


class Container:
    def __init__(self, name, spec, container, env, hosts, program):
        self.container, self.program = container, os.path.dirname(os.path.realpath(program))
        self.env = {"PATH": "/opt/bin:/usr/sbin:/usr/bin:/sbin:/bin", **env}
        self.root = image(name + "-root", hosts)
        self.volumes = WORK / (name + "-volumes")
        self.log = WORK / (name + "-log")
        self.mounts = []
        context = spec["securityContext"]
        self.user, self.group = context["runAsUser"], context["fsGroup"]
        for volume in spec["volumes"]:
            folder = self.volumes / volume["name"]
            folder.mkdir(parents=True)
            if "emptyDir" in volume or "persistentVolumeClaim" in volume:
                os.chown(folder, 0, self.group)
                os.chmod(folder, 0o2777)  # as the kubelet does with fsGroup
        for mount in container["volumeMounts"]:
            (self.root / mount["mountPath"].lstrip("/")).mkdir(parents=True, exist_ok=True)
            self.mounts += [mount["name"], mount["mountPath"].lstrip("/"), "ro" if mount.get("readOnly") else "rw"]
        self.limits = [
            "setpriv", f"--reuid={self.user}", f"--regid={context['runAsGroup']}", f"--groups={self.group}",
            "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--",
        ]  # fmt: skip

    def write_config(self, volume, files):
        """As the kubelet writes a ConfigMap: a new folder, and one link that changes at once."""
        folder = self.volumes / volume
        old = os.readlink(folder / "..data") if (folder / "..data").exists() else None
        new = f"..2026_{len(list(folder.iterdir()))}"
        (folder / new).mkdir()
        for name, text in files.items():
            (folder / new / name).write_text(text)
            if not (folder / name).is_symlink():
                os.symlink(f"..data/{name}", folder / name)
        os.symlink(new, folder / "..data_tmp")
        os.rename(folder / "..data_tmp", folder / "..data")
        if old:
            shutil.rmtree(folder / old)

    def start(self):
        command = self.container["command"] + self.container["args"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", ENTER, "sh", self.root, self.volumes, self.program]
                + [*self.mounts, "--", *self.limits, *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.env,
            )  # fmt: skip
        alive(self.process)

    def run(self, command, timeout=PATIENCE):
        """The exit status of a command in the container, as `kubectl exec` and probes start it; None: too slow."""
        enter = ["nsenter", "--mount", "--target", str(self.process.pid), "chroot", self.root, *self.limits]
        try:
            return subprocess.run(
                enter + command, stdin=subprocess.DEVNULL, capture_output=True, env=self.env, timeout=timeout
            ).returncode
        except subprocess.TimeoutExpired:
            return None

    def probe(self, name):
        probe = self.container[name]
        return self.run(probe["exec"]["command"], probe["timeoutSeconds"]) == 0

    def put(self, path, volume):
        """A snapshot from the other container: the same user, for nobody else to read."""
        folder = self.volumes / volume
        shutil.copy2(path, folder / ".part")
        os.chown(folder / ".part", self.user, self.group)
        os.chmod(folder / ".part", 0o600)
        os.rename(folder / ".part", folder / os.path.basename(path))

    def files(self, volume):
        return sorted(p.name for p in (self.volumes / volume).iterdir() if p.is_file())

    def logged(self):
        return self.log.read_text(errors="replace")

    def stop(self, grace):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(grace)
