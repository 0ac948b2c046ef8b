"""HTTP over a line: answers of every shape, and what ends them."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from wegnology.lib.http_client import HttpClient, MayHaveArrived, Origin
from wegnology.lib.http_line import NotHttp

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"
COUNTED = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Kind: A\r\n\r\nhello"
TO_THE_END = b"HTTP/1.0 200 OK\r\n\r\nhello"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
CONTINUED = b"HTTP/1.1 100 Continue\r\n\r\n" + COUNTED
CUT = b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"


class Server:
    """Answers each request with the next of some bytes, then closes where told."""

    def __init__(self, *answers: bytes, close: bool = False) -> None:
        self.answers, self.close = list(answers), close
        self.requests: list[bytes] = []
        self.lines = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines += 1
        try:
            while self.answers:
                head = await reader.readuntil(b"\r\n\r\n")
                length = next((int(line[16:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length: ")), 0)
                self.requests.append(head + await reader.readexactly(length))
                answer = self.answers.pop(0)
                for at in range(0, len(answer), 7):
                    writer.write(answer[at : at + 7])
                    await writer.drain()
                if self.close:
                    return
            await reader.read()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()


def play(server: Server, story: Callable[[HttpClient], Awaitable[None]], **limits: float) -> None:
    """Run a story with a client of the server."""

    async def main() -> None:
        async with await asyncio.start_server(server.talk, "127.0.0.1", 0) as listening:
            port = listening.sockets[0].getsockname()[1]
            origin = Origin.parse(f"http://127.0.0.1:{port}/base/")
            client = HttpClient(origin, most=2, connect_seconds=5, answer_seconds=limits.get("seconds", 5))
            try:
                await story(client)
            finally:
                client.close()

    asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize(
    ("answer", "close", "status", "body"),
    [
        (CHUNKED, False, 200, b"hello world"),
        (COUNTED, False, 201, b"hello"),
        (TO_THE_END, True, 200, b"hello"),
        (EMPTY, False, 204, b""),
        (CONTINUED, False, 201, b"hello"),
    ],
)
def test_answers_of_every_shape(answer: bytes, close: bool, status: int, body: bytes) -> None:
    server = Server(answer, close=close)

    async def story(client: HttpClient) -> None:
        got = await client.ask("POST", "/x?y=1", {"X-Own": "1"}, b"in")
        assert (got.status, got.body) == (status, body)
        assert server.requests[0].startswith(b"POST /base/x?y=1 HTTP/1.1\r\nHost: 127.0.0.1:")
        assert server.requests[0].endswith(b"\r\n\r\nin")

    play(server, story)


def test_a_line_is_used_again_while_it_may_be() -> None:
    server = Server(CHUNKED, COUNTED, b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", COUNTED)

    async def story(client: HttpClient) -> None:
        for lines in (1, 1, 1, 2):
            await client.ask("GET", "/", {})
            assert server.lines == lines

    play(server, story)


def test_a_long_answer_is_cut_and_its_line_not_used_again() -> None:
    server = Server(CUT, COUNTED)

    async def story(client: HttpClient) -> None:
        assert (await client.ask("GET", "/", {}, limit=4)).body == b"hell"
        assert (await client.ask("GET", "/", {})).body == b"hello"
        assert server.lines == 2

    play(server, story)


@pytest.mark.parametrize(
    ("answer", "close", "text"),
    [
        (b"", True, "closed the connection"),
        (CUT, True, "closed the connection"),
        (b"220 ready\r\n\r\n", False, "did not speak HTTP"),
        (CUT, False, "did not finish its answer within 0.3 s"),
        (b"", False, "did not answer within 0.3 s"),
    ],
)
def test_what_is_no_answer_may_have_arrived(answer: bytes, close: bool, text: str) -> None:
    async def story(client: HttpClient) -> None:
        with pytest.raises(MayHaveArrived, match=text) as caught:
            await client.ask("POST", "/", {}, b"in")
        assert isinstance(caught.value.__cause__, NotHttp | TimeoutError)

    play(Server(answer, COUNTED, close=close), story, seconds=0.3)


def test_nothing_was_sent_where_nobody_listens() -> None:
    async def story() -> None:
        client = HttpClient(Origin("127.0.0.1", 1, secure=False), most=1, connect_seconds=5, answer_seconds=5)
        with pytest.raises(ConnectionRefusedError):
            await client.ask("GET", "/", {})

    asyncio.run(story())


@pytest.mark.parametrize(
    ("url", "host", "header"),
    [
        ("https://api.example.com", "api.example.com", "api.example.com"),
        ("http://api.example.com:80/x", "api.example.com", "api.example.com"),
        ("https://[::1]:8443", "::1", "[::1]:8443"),
    ],
)
def test_origins(url: str, host: str, header: str) -> None:
    origin = Origin.parse(url)
    assert (origin.host, origin.header) == (host, header)


@pytest.mark.parametrize("url", ["ftp://x", "api.example.com", "https://"])
def test_what_is_no_origin(url: str) -> None:
    with pytest.raises(ValueError, match="starts with http"):
        Origin.parse(url)
