"""A webmail on another site, whose mails hold our links."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import unquote, urlsplit


class Webmail:
    """Serves pages from another site: `localhost` is to a browser a stranger to `127.0.0.1`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://localhost:{port}"
        self.pages: dict[str, bytes] = {}

    def page(self, body: str, head: str = "") -> str:
        """Serve a page and return its URL."""
        path = f"/{len(self.pages)}"
        html = f"<!doctype html><html lang=en><title>Webmail</title>{head}<body>{body}</body></html>"
        self.pages[path] = html.encode()
        return self.url + path

    def mail(self, link: str) -> str:
        """Serve a mail that has `link` in its text, as webmail programs show it, and return its URL."""
        text = f'<p>Dear reader,</p><p>If you had enough: <a target=_blank rel=noreferrer href="{link}">leave</a>.</p>'
        return self.page(f"<article style='padding: 12rem'>{text}</article>")

    def wrapped(self, link: str) -> str:
        """Return a URL here that redirects to `link`, as mail gateways rewrite links to check them on the click."""
        return f"{self.url}/wrapped?{link}"


@contextmanager
def serving_webmail() -> Iterator[Webmail]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            content = webmail.pages.get(parts.path, b"")
            is_wrapped = parts.path == "/wrapped"
            self.send_response(302 if is_wrapped else 200 if content else 404)
            if is_wrapped:
                self.send_header("Location", unquote(parts.query))
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        webmail = Webmail(listener.server_port)
        thread = Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield webmail
        finally:
            listener.shutdown()
            thread.join()
