"""A page that judges nobody: one button, and a script that reports on DOMContentLoaded.

Products that commit on a GET, by a script or by a button show pages like it. What a visitor does at it is its trace,
and all that the models of other products see.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from scorecard.visits import Mail, Trace

_PAGE = """<!doctype html>
<html lang=en><meta name=viewport content="width=device-width"><title>Unsubscribe</title>
<body><main data-state=ask>
<h1>Unsubscribe from News</h1>
<form method=post action="/u/{name}/confirm" data-choice><button name=choice value=leave>Unsubscribe</button></form>
</main>
<script>
addEventListener('DOMContentLoaded', async () => {{
  const response = await fetch('/u/{name}/ran', {{ method: 'POST', keepalive: true }})
  await response.text() // read to the end, or programs wait for it in vain
}})
</script>
</body></html>
"""
_DONE = "<!doctype html><html lang=en><title>Done</title><body><main role=status>You are unsubscribed</main></html>"


class _Listener(ThreadingHTTPServer):
    """Says nothing when a robot leaves before it has read the answer."""

    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class PlainSite:
    """Serves the page at links of any name and keeps what happened at each."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.seen: dict[str, set[str]] = defaultdict(set)

    def mail(self, name: str) -> Mail:
        """A mail whose links all lead here; the trace is found under `name`."""
        leave, header, preferences, hidden = (f"{self.url}/{door}/{name}" for door in "uoph")
        return Mail(f"{name}@example.org", leave, header, preferences, hidden)

    def trace(self, *names: str) -> Trace:
        """What was done at any of the links."""
        seen = set().union(*(self.seen[name] for name in names))
        return Trace("looked" in seen, "ran" in seen, "pressed" in seen)

    def answer(self, method: str, path: str) -> str:
        door, _, rest = path.strip("/").partition("/")
        name, _, deed = rest.partition("/")
        if door not in {"u", "o"}:
            return ""
        if method != "POST":
            self.seen[name].add("looked")
            return _PAGE.format(name=name)
        self.seen[name].add({"ran": "ran", "confirm": "pressed"}.get(deed, "posted"))
        return _DONE


@contextmanager
def serving() -> Iterator[PlainSite]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            content = site.answer(self.command, self.path).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Cache-Control", "no-store")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST  # noqa: N815 (the names that http.server calls)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with _Listener(("127.0.0.1", 0), Handler) as listener:
        listener.daemon_threads = True
        site = PlainSite(listener.server_port)
        thread = Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            listener.shutdown()
            thread.join()
