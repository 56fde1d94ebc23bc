"""What the demo prints."""
import sys

MARKS = {"DONE": "done", "SKIPPED": "skip", "FAILED": "FAIL", "RUNNING": " .. "}


def say(text):
    print(f"==> {text}", flush=True)


def note(text):
    print(f"    {text}", flush=True)


def table(rows, head):
    """Columns as wide as their longest cell."""
    rows = [[("" if cell is None else str(cell)) for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        note("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())


class StepView:
    """The steps of one operation while it runs: a line for each that ends, and on a terminal one that moves."""

    def __init__(self):
        self.shown = set()
        self.moving = False
        self.terminal = sys.stdout.isatty()

    def show(self, operation, attempts):
        for attempt in attempts:
            for step in attempt.get("steps", []):
                key = (attempt.get("number", 1), step.get("index", 0), step.get("state"))
                if key in self.shown or step.get("state") not in ("DONE", "SKIPPED", "FAILED"):
                    continue
                self.shown.add(key)
                self._clear()
                again = f" (attempt {attempt['number']})" if attempt.get("number", 1) > 1 else ""
                text = f": {step['text']}" if step.get("text") else ""
                note(f"[{MARKS[step['state']]}] {step.get('title') or step.get('name')}{again}{text}")
        running = [s for a in attempts for s in a.get("steps", []) if s.get("state") == "RUNNING"]
        if self.terminal and running:
            done, total = operation.get("progress_done", 0), operation.get("progress_total", 0)
            count = f" {done}/{total}" if total else ""
            line = f"    [ .. ] {running[-1].get('title') or running[-1].get('name')}{count} {operation.get('progress_text', '')}"
            print("\r\033[K" + line[:110], end="", flush=True)
            self.moving = True

    def finish(self, operation):
        self._clear()
        note(f"{operation.get('type')}: {operation.get('state')}")

    def _clear(self):
        if self.moving:
            print("\r\033[K", end="", flush=True)
            self.moving = False
