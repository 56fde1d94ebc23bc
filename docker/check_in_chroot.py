#!/usr/bin/env python3
"""Runs the build steps of the Dockerfile without Docker. usage: check_in_chroot.py FOLDER (as root, on a Debian machine)

Each stage is a clean Debian 12 root made with debootstrap below FOLDER (about 4 GB in the end), with this machine's apt sources
and name servers. COPY and RUN happen as the Dockerfile says; at the end the programs of the last stage are run once as its user.
Variables that the Dockerfile declares with ARG are taken from the environment.
"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TREE = os.path.dirname(HERE)
CA_BUNDLE = os.environ.get("SSL_CERT_FILE")  # Machines behind a proxy that signs by itself.


def instructions():
    with open(os.path.join(HERE, "Dockerfile"), encoding="utf-8") as file:
        for line in file.read().replace("\\\n", " ").splitlines():
            if line.strip() and not line.startswith("#"):
                yield line.split(None, 1)


def run(*command, **options):
    subprocess.run(command, check=True, **options)


def apt_mirror():
    answer = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", "Codename: bookworm"],
                            capture_output=True, text=True, check=True)
    return answer.stdout.split()[0]


class Stage:
    def __init__(self, folder, base):
        self.root, self.folder, self.user = folder, "/", "0:0"
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        if CA_BUNDLE:
            self.environment["SSL_CERT_FILE"] = "/etc/check-ca.pem"
        run("cp", "-a", base, folder)

    def run(self, *command):
        environment = [f"{name}={value}" for name, value in self.environment.items()]
        # A mount namespace of its own: the mounts end with the step, whatever happens.
        inside = 'mount -t proc proc "$0/proc" && mount --bind /dev "$0/dev" && exec chroot --userspec="$1" "$0" env -i "${@:3}"'
        shell = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', self.folder, *command]
        run("unshare", "--mount", "bash", "-c", inside, self.root, self.user, "-", *environment, *shell)

    def path(self, name):
        return self.root + os.path.join(self.folder, name)


def copy(stage, stages, text):
    source_stage = re.match(r"--from=(\w+)\s+", text)
    *sources, target = text[source_stage.end() if source_stage else 0:].split()
    for source in sources:
        if source_stage:
            run("cp", "-a", stages[source_stage.group(1)].root + source + ("." if source.endswith("/") else ""), stage.path(target))
        elif source == ".":
            listing = subprocess.run(["git", "-C", TREE, "ls-files", "-z"], check=True, capture_output=True).stdout
            tar = subprocess.run(["tar", "-C", TREE, "--null", "-T", "-", "-cf", "-"], input=listing, check=True, capture_output=True)
            run("tar", "-C", stage.path(target), "-xf", "-", input=tar.stdout)
        else:
            os.makedirs(os.path.dirname(stage.path(target)), exist_ok=True)
            shutil.rmtree(stage.path(target), ignore_errors=True)
            run("cp", "-a", os.path.join(TREE, source), stage.path(target))


def main():
    work = os.path.abspath(sys.argv[1])
    base = os.path.join(work, "base")
    if not os.path.exists(os.path.join(base, "ready")):
        shutil.rmtree(base, ignore_errors=True)
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", base, apt_mirror())
        os.remove(base + "/etc/apt/sources.list")
        run("cp", "-a", "/etc/apt/.", base + "/etc/apt/")
        run("cp", "-L", "/etc/resolv.conf", base + "/etc/resolv.conf")
        if CA_BUNDLE:
            shutil.copy(CA_BUNDLE, base + "/etc/check-ca.pem")
        open(os.path.join(base, "ready"), "w", encoding="utf-8").close()
    stages, stage = {}, None
    for word, text in instructions():
        print(f"--- {word} {text[:150]}", flush=True)
        if word == "FROM":
            name = text.split(" AS ")[1] if " AS " in text else "final"
            shutil.rmtree(os.path.join(work, name), ignore_errors=True)
            stage = stages[name] = Stage(os.path.join(work, name), base)
        elif word == "RUN":
            stage.run("/bin/sh", "-c", text)
        elif word == "COPY":
            copy(stage, stages, text)
        elif word == "WORKDIR":
            stage.folder = text
            os.makedirs(stage.path("."), exist_ok=True)
        elif word in ("ARG", "ENV"):
            for name, value in re.findall(r"(\w+)=(\S*)", text):
                stage.environment[name] = os.environ.get(name, value) if word == "ARG" else value
        elif word == "USER":
            stage.user = text
        elif word not in ("VOLUME", "EXPOSE", "HEALTHCHECK", "CMD"):
            sys.exit(f"the Dockerfile uses {word}, which this check does not know")
    for command in (["meshplay-server", "version"], ["meshplayctl", "--help"], ["meshplay-adapter-istio", "capabilities"], ["helm", "version"]):
        print("--- check", *command, flush=True)
        stage.run(*command)


if __name__ == "__main__":
    main()
