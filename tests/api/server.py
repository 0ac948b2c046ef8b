"""The web application over real HTTP in this process. One request a connection, so that no thread outlives its requests."""

import threading
from typing import Any

from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application


class _OneRequest(WSGIRequestHandler):
    def handle(self) -> None:
        """Answer one request, then close the connection."""
        self.close_connection = True
        self.handle_one_request()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


class _Server(ThreadedWSGIServer):
    daemon_threads = False  # so that closing waits for the requests under way, and their database connections are closed


class WebServer:
    """Started when entered, stopped when left."""

    def __enter__(self) -> "WebServer":
        """Listen on a free port."""
        self._httpd: Any = _Server(("127.0.0.1", 0), _OneRequest)
        self._httpd.set_app(get_wsgi_application())
        self.url = f"http://127.0.0.1:{self._httpd.server_address[1]}"
        self._thread = threading.Thread(target=self._httpd.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop, once the requests under way are answered."""
        self._httpd.shutdown()
        self._httpd.server_close()
        self._thread.join(30)
