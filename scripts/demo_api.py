"""The little REST client of the demo, standard library only."""
import json
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid

FINAL = {"SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "INDETERMINATE"}


class ApiError(Exception):
    """A problem document of the server, or that it could not be reached."""

    def __init__(self, message, problem=None):
        super().__init__(message)
        self.problem = problem or {}

    def lines(self):
        yield str(self)
        for violation in self.problem.get("violations", []):
            yield f"{violation.get('pointer', '')}: {violation.get('detail', '')}"
        if self.problem.get("remediation"):
            yield self.problem["remediation"]


class OperationFailed(Exception):
    def __init__(self, operation):
        self.operation = operation
        error = operation.get("error", {})
        super().__init__(f"{operation.get('type')} ended as {operation.get('state')}: "
                         f"{error.get('reason', '')} {error.get('message', '')}".strip())

    def lines(self):
        yield str(self)
        error = self.operation.get("error", {})
        for key in ("probable_cause", "remediation", "side_effects"):
            if error.get(key):
                yield f"{key}: {error[key]}"


class Api:
    def __init__(self, url, token):
        self.url = url
        self.token = token

    def call(self, method, path, body=None, query=None):
        url = self.url + path + ("?" + urllib.parse.urlencode(query) if query else "")
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
            headers["Idempotency-Key"] = str(uuid.uuid4())
        request = urllib.request.Request(url, data=data, headers=headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace")
            try:
                problem = json.loads(text)
            except ValueError:
                problem = {}
            detail = problem.get("detail") or problem.get("title") or text[:300]
            raise ApiError(f"{method} {path}: {error.code} {problem.get('reason', '')} {detail}", problem) from None
        except (urllib.error.URLError, OSError) as error:
            raise ApiError(f"{method} {path}: {error}") from None

    def get(self, path, **query):
        return self.call("GET", path, query=query)

    def everything(self, path, key, **query):
        """All pages of a list."""
        while True:
            page = self.get(path, **query)
            yield from page.get(key, [])
            if not page.get("next_page_token"):
                return
            query["page_token"] = page["next_page_token"]

    def wait_for(self, what, seconds, look):
        """Polls look() until it gives something; the last failure is told when the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if time.monotonic() > deadline:
                raise ApiError(f"gave up after {seconds} s waiting for {what}")
            time.sleep(0.3)

    def run(self, body, view, plan=False, seconds=600):
        """Creates an operation and follows it to its end; `view` is told of each change of its steps."""
        operation = self.call("POST", "/v1/operations:plan" if plan else "/v1/operations", body)
        deadline = time.monotonic() + seconds
        while operation.get("state") not in FINAL:
            if time.monotonic() > deadline:
                raise ApiError(f"operation {operation['id']} is still {operation.get('state')} after {seconds} s")
            time.sleep(0.3)
            operation = self.get(f"/v1/operations/{operation['id']}")
            view.show(operation, self.get(f"/v1/operations/{operation['id']}/steps").get("attempts", []))
        view.finish(operation)
        if operation["state"] != "SUCCEEDED":
            raise OperationFailed(operation)
        return operation
