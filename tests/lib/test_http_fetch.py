"""HTTP requests to anywhere: redirects, logins that stay where they belong, bounds, and servers that misbehave."""

import asyncio
import gzip
import ssl
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import orjson
import pytest

from tests.servers.certificates import Certificates
from tests.servers.http import MEGABYTE, HttpServer, http_server, raw_server
from wegnology.lib import egress
from wegnology.lib.http_address import AddressInvalid, parse_address
from wegnology.lib.http_decoding import BodyInvalid, BodyTooLarge, decode
from wegnology.lib.http_fetch import MAX_BODY_BYTES, Access, Fetch, Fetched, Fetcher, FetchFailed, FetchLimits
from wegnology.lib.http_headers import fit_headers
from wegnology.lib.tls import Tls

Story = Callable[[HttpServer, Fetcher], Awaitable[None]]


def play(story: Story, *, tls: ssl.SSLContext | None = None, limits: FetchLimits | None = None) -> None:
    """Run a story with a server and a fetcher."""

    async def main() -> None:
        async with http_server(tls) as server:
            fetcher = Fetcher(limits)
            running = asyncio.create_task(fetcher.run())
            await asyncio.sleep(0)
            try:
                await story(server, fetcher)
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                assert len(fetcher) == 0

    asyncio.run(asyncio.wait_for(main(), 30))


def told(answer: Fetched) -> dict[str, Any]:
    """Return what the server says that it was asked."""
    return orjson.loads(answer.body)  # type: ignore[no-any-return]


async def failing(fetcher: Fetcher, wanted: Fetch) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await fetcher.fetch("o", wanted)
    return caught.value


def test_a_request_as_it_was_wanted() -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        url = server.url("/a b/ü?q=1 2&x=%20").replace("http://", "http://bob:p%40ss@")
        got = told(
            await fetcher.fetch("o", Fetch("PUT", url, {"X-Own": " 1 ", "content-length": "7", "user-agent": "me"}, b"in"))
        )
        assert (got["method"], got["path"], got["body"]) == ("PUT", "/a%20b/%C3%BC?q=1%202&x=%20", "in")
        assert got["headers"] == {
            "host": f"127.0.0.1:{server.port}",
            "accept-encoding": "gzip, deflate",
            "user-agent": "me",
            "x-own": "1",
            "content-length": "2",
            "authorization": "Basic Ym9iOnBAc3M=",
        }

    play(story)


def test_any_status_is_an_answer() -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        for status in (204, 304, 404, 503):
            assert (await fetcher.fetch("o", Fetch("GET", server.url(f"/status/{status}")))).status == status
        head = await fetcher.fetch("o", Fetch("HEAD", server.url("/sized/70")))
        assert (head.status, head.body, dict(head.headers)["content-length"]) == (200, b"", "70")

    play(story)


@pytest.mark.parametrize(
    ("status", "method", "then", "body"),
    [
        (301, "POST", "GET", ""),
        (302, "POST", "GET", ""),
        (302, "PUT", "PUT", "in"),
        (303, "PUT", "GET", ""),
        (303, "HEAD", "HEAD", ""),
        (307, "POST", "POST", "in"),
        (308, "DELETE", "DELETE", "in"),
    ],
)
def test_redirects_keep_the_method_or_not(status: int, method: str, then: str, body: str) -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        sent = b"in" if method != "HEAD" else b""
        wanted = Fetch(method, server.url(f"/redirect/{status}?to=/there"), {"Content-Type": "text/x"}, sent)
        answer = await fetcher.fetch("o", wanted)
        got = server.requests[-1]
        assert (answer.url, got["method"], got["body"]) == (server.url("/there"), then, body)
        kept = then == method
        assert (got["headers"].get("content-type") == "text/x") is kept
        assert (await fetcher.fetch("o", wanted._replace(follow=False))).status == status

    play(story)


def test_a_circle_ends() -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        error = await failing(fetcher, Fetch("GET", server.url("/circle/0")))
        assert (error.name, str(error)) == ("TooManyRedirects", "127.0.0.1 redirected more than 10 times")
        assert len(server.requests) == 11
        assert len(server.connections) == 1

    play(story)


def test_a_login_never_leaves_its_server() -> None:
    """Headers that log in, and what `access` gives, go to the first server and to no other."""

    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        first = parse_address(server.url("/")).place

        def access(url: str) -> Access | None:
            login = Access({"X-Key": "hidden"}, f"{url}{'&' if '?' in url else '?'}token=hidden")
            return login if parse_address(url).place == first else None

        headers = {"Authorization": "Bearer hidden", "Cookie": "a=hidden", "X-Open": "1"}
        there = server.url("/there", host="localhost")
        wanted = Fetch("GET", server.url(f"/redirect/302?to={there}"), headers, access=access)
        assert (await fetcher.fetch("o", wanted)).url == there
        before, after = server.requests
        assert before["headers"]["x-key"] == "hidden"
        assert before["path"].endswith("&token=hidden")
        assert "hidden" not in repr(after)
        assert after["headers"]["x-open"] == "1"
        assert after["headers"]["host"] == f"localhost:{server.port}"
        await fetcher.fetch("o", wanted._replace(url=server.url("/redirect/302?to=/here")))
        assert server.requests[-1]["headers"]["authorization"] == "Bearer hidden"

    play(story)


@pytest.mark.parametrize("place", ["169.254.169.254/latest", "[fd00:ec2::254]/x", "[::ffff:169.254.169.254]/x", "0.0.0.0/"])
def test_no_redirect_leads_to_where_nobody_may_go(place: str) -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        error = await failing(fetcher, Fetch("GET", server.url(f"/redirect/302?to=http://{place}")))
        assert error.name == "EgressRefused"
        assert "never connected to" in str(error)
        assert len(server.requests) == 1

    play(story)


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("file:///etc/passwd", "must begin with http"),
        ("http://[::1", "not one of a web server"),
        ("http://a:99999/", "not one of a web server"),
    ],
)
def test_redirects_that_lead_nowhere(location: str, text: str) -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        error = await failing(fetcher, Fetch("GET", server.url(f"/redirect/302?to={location}")))
        assert error.name == "RedirectInvalid"
        assert text in str(error)

    play(story)


@pytest.fixture
def public_only() -> Iterator[None]:
    egress.configure(allow_private=False)
    yield
    egress.configure(allow_private=True)


@pytest.mark.usefixtures("public_only")
def test_private_addresses_by_setting() -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        error = await failing(fetcher, Fetch("GET", server.url("/")))
        assert error.name == "EgressRefused"
        assert not server.requests

    play(story)


@pytest.mark.parametrize("way", ["gzip", "deflate", "raw", ""])
def test_compressed_answers_are_bounded(way: str) -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        got = await fetcher.fetch("o", Fetch("GET", server.url(f"/sized/{3 * MEGABYTE}?as={way}")))
        assert got.body == b"a" * 3 * MEGABYTE
        error = await failing(fetcher, Fetch("GET", server.url(f"/sized/{MAX_BODY_BYTES + 1}?as={way}")))
        assert (error.name, str(error)) == ("ResponseTooLarge", "the answer of 127.0.0.1 is larger than 5 MB")
        if way:
            error = await failing(fetcher, Fetch("GET", server.url(f"/sized/5000?cut&as={way}")))
            assert error.name == "ResponseInvalid"

    play(story)


def test_decoding() -> None:
    async def story() -> None:
        assert await decode(gzip.compress(b"a") + gzip.compress(b"b") + b"\0\0", "gzip", 9) == b"ab"
        assert await decode(gzip.compress(gzip.compress(b"a")), "gzip, x-gzip", 99) == b"a"
        assert await decode(b"as it is", "br", 99) == b"as it is"
        assert await decode(b"", "gzip", 99) == b""
        for body, error in ((b"no gzip at all", BodyInvalid), (gzip.compress(b"a") * 200, BodyInvalid)):
            with pytest.raises(error):
                await decode(body, "gzip", 999)
        for encoding in ("", "br", "gzip"):
            with pytest.raises(BodyTooLarge):
                await decode(gzip.compress(b"a" * 99999), encoding, 9)

    asyncio.run(story())


def test_a_hundred_at_once_within_the_bounds() -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        server.release.set()
        wanted = Fetch("GET", server.url("/slow"), seconds=20)
        answers = await asyncio.gather(*(fetcher.fetch("o", wanted) for _ in range(100)))
        assert {answer.body for answer in answers} == {b"at last"}
        assert len(server.connections) <= 16

    play(story)


def test_whoever_asks_too_much_at_once_waits_alone() -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        stuck = [asyncio.create_task(fetcher.fetch("greedy", Fetch("GET", server.url("/slow"), seconds=20))) for _ in range(8)]
        while server.at_once < 2:
            await asyncio.sleep(0.005)
        error = await failing_for("greedy", fetcher, Fetch("GET", server.url("/x"), seconds=0.2))
        assert (error.name, str(error)) == ("TimeoutError", "127.0.0.1 did not answer within 0.2 s")
        assert (await fetcher.fetch("modest", Fetch("GET", server.url("/x")))).status == 200
        server.release.set()
        await asyncio.gather(*stuck)
        assert server.most_at_once == 2

    play(story, limits=FetchLimits(at_once=2, each_owner=4, together=8))


async def failing_for(owner: str, fetcher: Fetcher, wanted: Fetch) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        await fetcher.fetch(owner, wanted)
    return caught.value


def test_lines_are_kept_for_one_owner_and_not_too_many() -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        for owner in ("a", "b", "c", "a"):
            await fetcher.fetch(owner, Fetch("GET", server.url("/")))
        assert len(server.connections) == 4  # two are kept: by then those of b and c
        await fetcher.fetch("a", Fetch("GET", server.url("/")))
        assert len(server.connections) == 4

    play(story, limits=FetchLimits(kept=2))


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"


async def _hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()


async def _hang_within(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"he")
    await reader.read()


async def _close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")


async def _close_within(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD + b"he")


async def _babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 mail.example ESMTP\r\n\r\n")
    await reader.read()


async def _endless_head(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"X-More: and more\r\n" * 100)
        await writer.drain()


async def _endless_body(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"a" * 65536)
        await writer.drain()


@pytest.mark.parametrize(
    ("behave", "name", "text"),
    [
        (_hang, "TimeoutError", "127.0.0.1 did not answer within 0.3 s"),
        (_hang_within, "TimeoutError", "127.0.0.1 did not answer within 0.3 s"),
        (_close, "ResponseInvalid", "closed the connection"),
        (_close_within, "ResponseInvalid", "closed the connection"),
        (_babble, "ResponseInvalid", "did not speak HTTP"),
        (_endless_head, "ResponseInvalid", "did not speak HTTP"),
        (_endless_body, "ResponseTooLarge", "larger than 5 MB"),
    ],
)
def test_servers_that_misbehave(behave: Any, name: str, text: str) -> None:
    async def story(_: HttpServer, fetcher: Fetcher) -> None:
        async with raw_server(behave) as port:
            seconds = 0.3 if name == "TimeoutError" else 10
            error = await failing(fetcher, Fetch("GET", f"http://127.0.0.1:{port}/?token=hidden", seconds=seconds))
            assert error.name == name
            assert text in str(error)
            assert "hidden" not in str(error)

    play(story)


@pytest.mark.parametrize(("method", "again"), [("GET", True), ("POST", False)])
def test_a_kept_line_that_dies_is_replaced_where_a_request_may_be_repeated(method: str, again: bool) -> None:
    lines: list[int] = []

    async def once_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(1)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD + b"hello")
        await reader.readuntil(b"\r\n\r\n")  # and hangs up on the second request

    async def story(_: HttpServer, fetcher: Fetcher) -> None:
        async with raw_server(once_each) as port:
            wanted = Fetch(method, f"http://127.0.0.1:{port}/")
            assert (await fetcher.fetch("o", wanted)).body == b"hello"
            if again:
                assert (await fetcher.fetch("o", wanted)).body == b"hello"
            else:
                assert (await failing(fetcher, wanted)).name == "ResponseInvalid"
            assert len(lines) == 1 + again

    play(story)


def test_nothing_listens() -> None:
    async def story(_: HttpServer, fetcher: Fetcher) -> None:
        error = await failing(fetcher, Fetch("GET", "http://127.0.0.1:1/"))
        assert (error.name, str(error)) == ("ConnectionError", "127.0.0.1 refused connections to port 1")

    play(story)


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("pems"))


def _context(pems: Certificates, *, demand: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pems.ca_file))
    context.load_cert_chain(pems.server_file, pems.server_key_file)
    context.verify_mode = ssl.CERT_REQUIRED if demand else ssl.CERT_OPTIONAL
    return context


def test_tls_and_certificates_to_log_in_with(pems: Certificates) -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        trusting, pair = Tls(ca=pems.ca), (pems.client.certificate, pems.client.private_key)
        wanted = Fetch("GET", server.url("/", host="localhost"), tls=trusting)
        assert told(await fetcher.fetch("o", wanted))["certificate"] is None
        shown = told(await fetcher.fetch("o", wanted._replace(access=lambda url: Access(pair=pair))))
        assert shown["certificate"]["commonName"] == "client"
        assert told(await fetcher.fetch("o", wanted))["certificate"] is None
        assert (await fetcher.fetch("o", wanted._replace(tls=Tls(verify=False)))).status == 200
        for tls, text in (
            (Tls(), "is not trusted"),
            (Tls(ca="no PEM"), "cannot be read"),
            (Tls(ca=pems.other_ca), "not trusted"),
        ):
            assert text in str(await failing(fetcher, wanted._replace(tls=tls)))
        plain = await failing(fetcher, Fetch("GET", f"http://localhost:{server.port}/"))
        assert plain.name in ("ResponseInvalid", "ConnectionError")

    play(story, tls=_context(pems))


def test_a_server_that_speaks_no_tls() -> None:
    async def story(server: HttpServer, fetcher: Fetcher) -> None:
        error = await failing(fetcher, Fetch("GET", f"https://127.0.0.1:{server.port}/"))
        assert error.name == "ConnectionError"

    play(story)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("", "must begin with http"),
        ("/only/a/path", "must begin with http"),
        ("ftp://example.com/", "must begin with http"),
        ("http://exa mple/", "not one of a web server"),
        ("http://a:b/", "not one of a web server"),
        ("http://[::1/", "not one of a web server"),
        ("javascript:alert(1)", "must begin with http"),
    ],
)
def test_what_is_no_address(url: str, text: str) -> None:
    with pytest.raises(AddressInvalid, match=text):
        parse_address(url)


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"a b": "1"}, "cannot be the name of a header"),
        ({"X-Key": "hidden\r\nX-More: 1"}, "the header X-Key must be one line"),
        ({"X-Key": "hidden\n"}, ""),
        ({"X-Key": "ümlaut"}, "the header X-Key must be one line"),
        ({"X-Key": "h" * 70_000}, "longer than 65536 bytes"),
    ],
)
def test_headers_that_cannot_be_sent(headers: dict[str, str], text: str) -> None:
    if not text:
        assert fit_headers(headers) == {"X-Key": "hidden"}
        return
    with pytest.raises(ValueError, match=text) as caught:
        fit_headers(headers)
    assert "hidden" not in str(caught.value)
