#!/usr/bin/env python3
"""Downloads the pinned Go toolchain from the Go module proxy, verifies it and unpacks it.

usage: fetch_go.py VERSION PLATFORM H1 DESTINATION

The zip is the module golang.org/toolchain. H1 is its module checksum (the "h1:" of a go.sum): a hash over the names and
contents of the files, so it does not depend on how a proxy compressed them. Nothing is unpacked before it matches.
"""
import base64
import hashlib
import os
import shutil
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile

DEFAULT_PROXY = "https://proxy.golang.org"


def proxies():
    """The proxies of GOPROXY that can be asked over HTTP, in order."""
    value = os.environ.get("GOPROXY") or DEFAULT_PROXY
    found = [p for p in value.replace("|", ",").split(",") if p.startswith(("http://", "https://"))]
    return found or [DEFAULT_PROXY]


def download(version, platform, target):
    errors = []
    for proxy in proxies():
        url = f"{proxy.rstrip('/')}/golang.org/toolchain/@v/v0.0.1-{version}.{platform}.zip"
        try:
            with urllib.request.urlopen(url, timeout=60) as answer, open(target, "wb") as out:
                shutil.copyfileobj(answer, out)
            return
        except (urllib.error.URLError, OSError) as error:
            errors.append(f"the Go module proxy did not deliver it: {error}")
    raise SystemExit("fetch_go: " + "; ".join(errors))


def module_checksum(archive):
    """The "h1:" hash Go computes over a module zip."""
    summary = hashlib.sha256()
    for name in sorted(archive.namelist()):
        digest = hashlib.sha256(archive.read(name)).hexdigest()
        summary.update(f"{digest}  {name}\n".encode())
    return "h1:" + base64.b64encode(summary.digest()).decode()


def main():
    if len(sys.argv) != 5:
        raise SystemExit(__doc__)
    version, platform, expected, destination = sys.argv[1:]
    os.makedirs(os.path.dirname(destination), exist_ok=True)
    work = tempfile.mkdtemp(dir=os.path.dirname(destination))
    try:
        target = os.path.join(work, "go.zip")
        download(version, platform, target)
        with zipfile.ZipFile(target) as archive:
            found = module_checksum(archive)
            if found != expected:
                raise SystemExit(f"fetch_go: checksum is {found}, expected {expected}; the download was not used")
            archive.extractall(os.path.join(work, "x"))
        root = os.path.join(work, "x", f"golang.org/toolchain@v0.0.1-{version}.{platform}")
        for folder in ("bin", "pkg/tool"):  # Module zips carry no file modes.
            for path, _, names in os.walk(os.path.join(root, folder)):
                for name in names:
                    os.chmod(os.path.join(path, name), 0o755)
        os.rename(root, destination)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
