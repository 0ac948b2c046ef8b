"""A mail server on loopback that keeps what it is given, or refuses it. RFC 5321, the little that is needed."""

import socketserver
import threading
from email import message_from_bytes
from email.message import Message


class _Talk(socketserver.StreamRequestHandler):
    server: "_Server"

    def handle(self) -> None:
        self._say("220 here")
        while line := self.rfile.readline(1000).decode().strip():
            command = line.split(":")[0].upper()
            if command == "DATA":
                self._say("354 go on")
                self._take()
            elif command == "RCPT TO" and self.server.owner.refuses:
                self._say("550 nobody of that name")
            elif command == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")

    def _take(self) -> None:
        lines = []
        while (line := self.rfile.readline(2000)) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b"."))
        self.server.owner.mails.append(message_from_bytes(b"".join(lines)))
        self._say("250 kept")

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    owner: "SmtpServer"


class SmtpServer:
    """The server; `mails` is what it got, `refuses` makes it refuse every recipient."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.refuses = False
        self._server = _Server(("127.0.0.1", 0), _Talk)
        self._server.owner = self
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> "SmtpServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
