"""A small client of the rig's API server."""
import base64
import json
import ssl
import time
import urllib.error
import urllib.request


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Api:
    def __init__(self, rig):
        with open(f"{rig}/server", encoding="utf-8") as file:
            self.server = file.read().strip()
        with open(f"{rig}/pki/ca.crt", "rb") as file:
            self.authority = base64.b64encode(file.read()).decode()
        context = ssl.create_default_context(cafile=f"{rig}/pki/ca.crt")
        context.load_cert_chain(f"{rig}/pki/admin.crt", f"{rig}/pki/admin.key")
        # Whatever proxy the environment names is for other addresses.
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}),
                                                  urllib.request.HTTPSHandler(context=context))

    def _ask(self, method, path, body=None, kind="application/json"):
        request = urllib.request.Request(self.server + path, method=method, headers={"Content-Type": kind},
                                         data=None if body is None else json.dumps(body).encode())
        with self.opener.open(request, timeout=30) as answer:
            return json.load(answer)

    def get(self, path):
        return self._ask("GET", path)

    def post(self, path, body):
        return self._ask("POST", path, body)

    def patch(self, path, body):
        return self._ask("PATCH", path, body, "application/strategic-merge-patch+json")

    def delete_now(self, pod):
        metadata = pod["metadata"]
        try:
            self._ask("DELETE", f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}",
                      {"gracePeriodSeconds": 0, "preconditions": {"uid": metadata["uid"]}})
        except urllib.error.HTTPError as failure:
            if failure.code not in (404, 409):
                raise

    def write_kubeconfig(self, path, token):
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"apiVersion": "v1", "kind": "Config", "current-context": "c",
                       "clusters": [{"name": "c", "cluster": {"server": self.server,
                                                              "certificate-authority-data": self.authority}}],
                       "users": [{"name": "u", "user": {"token": token}}],
                       "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}]}, file)
