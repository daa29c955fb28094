"""The page served, on this machine alone unless told otherwise, with nothing behind it but the page."""

import contextlib
import ipaddress
import json
import socket
from urllib.parse import urlsplit

from keras_bert.demo.page import STYLE, imported_gradio, page

# What a browser needs of Gradio's routes. The others read files, take uploads, fetch addresses or tell of their users.
_READ = ("/", "/config", "/favicon.ico", "/theme.css", "/gradio_api/queue/data", "/gradio_api/startup-events")
_READ_BELOW = ("/assets/", "/static/", "/gradio_api/heartbeat/")
_SENT = ("/gradio_api/queue/join",)
_MOST_BYTES = 500_000  # of what is sent: some texts of 20,000 characters
_HEADERS = {
    # The browser asks no other machine for anything, whatever the page or a text on it says.
    "content-security-policy": (
        "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; form-action 'self'; "
        "frame-ancestors 'self'; object-src 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def serve(models, host="127.0.0.1", port=7860, note=None):
    """Shows models on a page in the browser, until it is interrupted (Ctrl+C).

    Args:
        models: `Shown`s, as in `page`.
        host: Address to listen on: by default one that only this machine reaches; "0.0.0.0" for all that reach it.
        port: Number of the port; 0 for any that is free.
        note: As in `page`.

    Raises:
        ValueError: As of `page`.
        OSError: If the address or the port can't be had.
    """
    imported_gradio()
    import uvicorn

    with listening(host, port) as opened:
        application = Guard(served(page(models, note)), host)
        address = f"http://{f'[{host}]' if ':' in host else host}:{opened.getsockname()[1]}"
        print(f"Open {address} in a browser. Ctrl+C ends it.", flush=True)
        if not is_loopback(host):
            print("Whoever reaches this machine can use the page: it asks for no password.", flush=True)
        config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=1)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[opened])


def served(blocks):
    """A `gradio.Blocks` -> its application, ASGI, with our style and the system's own fonts."""
    gradio = imported_gradio()
    import fastapi

    theme = gradio.themes.Default(
        primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "Consolas", "monospace"]
    )
    options = {"footer_links": [], "show_error": False, "run_history": False, "ssr_mode": False, "mcp_server": False}
    return gradio.mount_gradio_app(fastapi.FastAPI(), blocks, path="/", theme=theme, css=STYLE, **options)


def listening(host, port):
    """address, port -> a socket that listens there; an `OSError` that says how to mend it."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise OSError(f"Can't listen on {host}, port {port}: {error}. Give another `port`, or 0 for any.") from error


def is_loopback(host):
    """address or name -> whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Lets through what the page needs, and answers all else with 403 or 404. Wraps an ASGI application.

    Args:
        application: The application.
        host: The address that it listens on. On loopback, requests must name this machine: a page of another site
            that has its own name point here gets nothing.
    """

    def __init__(self, application, host):
        self._application, self._is_local = application, is_loopback(host)

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            return await self._application(scope, receive, send)
        if scope["type"] != "http":
            return None
        body = await _body(receive) if scope["method"] == "POST" else b""
        if status := self._refused(scope) or (scope["method"] == "POST" and not is_plain(body) and 403):
            start = {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]}
            await send(start)
            return await send({"type": "http.response.body", "body": b"This page doesn't offer that.\n"})
        unread = [{"type": "http.request", "body": body}] if body else []

        async def receive_again():
            return unread.pop() if unread else await receive()

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message["headers"] = [*message["headers"], *own]
            await send(message)

        return await self._application(scope, receive_again, send_with_headers)

    def _refused(self, scope):
        """An ASGI scope -> 403, 404, or None if it may pass."""
        headers = {name.decode("latin1").lower(): value.decode("latin1") for name, value in scope["headers"]}
        host, origin = headers.get("host", ""), headers.get("origin")
        if self._is_local and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            return 403
        if origin is not None and urlsplit(origin).netloc != host:
            return 403
        path, method = scope["path"], scope["method"]
        if ".." in path:
            return 404
        if method in ("GET", "HEAD") and (path in _READ or path.startswith(_READ_BELOW)):
            return None
        return None if method == "POST" and path in _SENT else 404


async def _body(receive):
    """ASGI's function that gives parts of a request -> its body; of one that is too long, what has come of it."""
    body, more = b"", True
    while more and len(body) <= _MOST_BYTES:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


def is_plain(body):
    """A request's body -> whether it sends texts and numbers alone: Gradio copies files that are named otherwise."""
    try:
        data = json.loads(body)["data"] if len(body) <= _MOST_BYTES else None
    except (KeyError, TypeError, ValueError):
        return False
    return isinstance(data, list) and all(value is None or isinstance(value, (str, int, float)) for value in data)
