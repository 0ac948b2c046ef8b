"""HTTP; what goes over the line is in `tests/lib/test_http_fetch.py`, logins are in `tests/workflows/test_http_requests.py`."""

from typing import Any

import pytest

from tests.workflows.fakes import FakeRunContext
from tests.workflows.nodes import faults
from tests.workflows.nodes import run_waiting as run
from wegnology.lib.tls import Tls
from workflows.http_call import HttpAnswer, HttpCall
from workflows.nodes.base import NodeFailed

URL = "https://example.com/"


def called(payload: dict[str, Any], **config: Any) -> HttpCall:
    """Return what the node asks for."""
    context = FakeRunContext()
    run("HttpNode", {"uriTemplate": URL, **config}, payload, context)
    return context.calls[0]


def gave(body: bytes, payload: dict[str, Any] | None = None, **config: Any) -> Any:
    """Return what stands in the payload after an answer."""
    context = FakeRunContext()
    context.http_gives = HttpAnswer(201, {"a": "1"}, body, {"method": "GET"}, 7)
    return run("HttpNode", {"uriTemplate": URL, "responsePath": "r", **config}, payload or {}, context).payload


def test_the_least() -> None:
    assert called({}) == HttpCall("GET", URL)
    assert repr(called({})) == "<HttpCall GET>"


def test_every_setting() -> None:
    payload = {"id": "a&b", "data": {"t": "5", "name": "X-A"}}
    call = called(
        payload,
        method="PATCH",
        uriTemplate=" https://example.com/{{encodeURIComponent id}}?x={{id}} ",
        headerInfo=[{"key": "{{data.name}}", "valueTemplate": "<{{id}}>"}, {"key": "Content-Type", "valueTemplate": "text/x"}],
        bodyTemplate="{{id}}",
        timeoutTemplate="{{data.t}}",
        disableSSLVerification=True,
        disableRedirects=True,
        caCertTemplate="PEM {{id}}",
    )
    assert call == HttpCall(
        "PATCH",
        "https://example.com/a%26b?x=a&b",
        {"X-A": "<a&b>", "Content-Type": "text/x"},
        b"a&b",
        tls=Tls(verify=False, ca="PEM a&b"),
        follow=False,
        seconds=5.0,
    )


@pytest.mark.parametrize(
    ("config", "body", "kind"),
    [
        ({"bodyTemplate": "é"}, "é".encode(), None),
        ({"bodyTemplate": "6162", "requestEncodingTemplate": "hex"}, b"ab", None),
        ({"bodyType": "jsonTemplate", "bodyTemplate": '{ "a" : {{jsonEncode n}} }'}, b'{"a":[1,"\xc3\xa9"]}', "application/json"),
        ({"bodyType": "none", "bodyTemplate": "x"}, b"", None),
        (
            {"bodyType": "urlencoded", "bodyFields": [{"keyTemplate": "a b", "valueTemplate": "{{n}}&="}, {"keyTemplate": "c"}]},
            b"a+b=1%2C%C3%A9%26%3D&c=",
            "application/x-www-form-urlencoded",
        ),
    ],
)
def test_bodies(config: dict[str, Any], body: bytes, kind: str | None) -> None:
    call = called({"n": [1, "é"]}, method="POST", **config)
    assert (call.body, call.headers.get("Content-Type")) == (body, kind)
    assert called({"n": 1}, method="GET", **config).body == b""


def test_a_form_in_parts() -> None:
    call = called({}, method="POST", bodyType="multipart", bodyFields=[{"keyTemplate": 'a"b', "valueTemplate": "1\r\n2"}])
    boundary = call.headers["Content-Type"].removeprefix("multipart/form-data; boundary=")
    wanted = f'--{boundary}\r\nContent-Disposition: form-data; name="a%22b"\r\n\r\n1\r\n2\r\n--{boundary}--\r\n'
    assert call.body == wanted.encode()


def test_a_body_from_elsewhere() -> None:
    call = called({"u": "https://a/b"}, method="PUT", bodyType="url", bodyTemplate="{{u}}")
    assert (call.body, call.body_url) == (b"", "https://a/b")


def test_logins() -> None:
    own = {"usernameTemplate": "{{u}}", "passwordTemplate": "p", "keyTemplate": "K{{u}}", "certTemplate": "C"}
    payload = {"u": "bob"}
    assert called(payload, authType="basic", authCredentials=own).basic == ("bob", "p")
    assert called(payload, authType="clientCert", authCredentials=own).pair == ("C", "Kbob")
    call = called(payload, authType="credential", credentialNameTemplate="{{u}} api", authCredentials=own)
    assert (call.credential_name, call.basic, call.pair) == ("bob api", None, None)
    assert called(payload, authCredentials=own, credentialNameTemplate="x") == HttpCall("GET", URL)


@pytest.mark.parametrize(
    ("body", "encoding", "told"),
    [
        (b'{"a": [1]}', "utf8", {"a": [1]}),
        (b"12", "", 12),
        (b"plain", "utf8", "plain"),
        (b"", "utf8", ""),
        (b"\xff", "utf8", "�"),
        (b"[1]", "base64", "WzFd"),
        (b"\xff\x00", "{{e}}", "ff00"),
        (b"\xe9", "latin1", "é"),
        (b"[" * 500 + b"]" * 500, "utf8", "[" * 500 + "]" * 500),
    ],
)
def test_answers(body: bytes, encoding: str, told: object) -> None:
    assert gave(body, {"e": "hex"}, encodingTemplate=encoding)["r"] == {
        "statusCode": 201,
        "headers": {"a": "1"},
        "body": told,
        "requestDuration": 7,
        "request": {"method": "GET"},
    }


def test_no_path_no_answer() -> None:
    assert gave(b"1", {"k": 1}, responsePath="") == {"k": 1}


@pytest.mark.parametrize(
    ("config", "name", "text"),
    [
        ({"timeoutTemplate": "soon"}, "RequestInvalid", "must give a number of seconds above 0, not 'soon'"),
        ({"method": "POST", "bodyTemplate": "xyz", "requestEncodingTemplate": "hex"}, "RequestInvalid", "not valid hex"),
        ({"method": "POST", "bodyTemplate": "x", "requestEncodingTemplate": "no"}, "RequestInvalid", "no encoding 'no'"),
        ({"method": "POST", "bodyType": "jsonTemplate", "bodyTemplate": "{"}, "TemplateError", "did not give valid JSON"),
        ({"responsePath": "r", "encodingTemplate": "no"}, "RequestInvalid", "no encoding 'no'"),
        ({}, "ConnectionError", "nobody there"),
    ],
)
def test_errors_end_the_run_or_are_noted(config: dict[str, Any], name: str, text: str) -> None:
    context = FakeRunContext()
    if not config:
        context.http_gives = NodeFailed("nobody there", "ConnectionError")
    with pytest.raises(Exception, match=text):
        run("HttpNode", {"uriTemplate": URL, **config}, {}, context)
    noted = run("HttpNode", {"uriTemplate": URL, "errorBehavior": "payloadPath", "errorPath": "e", **config}, {}, context).payload
    assert noted["e"]["name"] == name  # type: ignore[index, call-overload]
    assert text in noted["e"]["message"]  # type: ignore[index, call-overload, operator]


def test_seconds_are_bounded() -> None:
    assert called({}, timeoutTemplate="").seconds == 10
    assert called({}, timeoutTemplate="600").seconds == 30
    assert called({}, timeoutTemplate="1e-9").seconds > 0


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"errorBehavior": "payloadPath"}, "errorPath"),
        ({"authType": "credential"}, "credentialNameTemplate"),
        ({"authType": "clientCert"}, "authCredentials"),
        ({"headerInfo": [{"key": "a", "valueTemplate": "{{"}]}, "headerInfo.0.valueTemplate"),
        ({"bodyFields": [{"keyTemplate": "{{"}]}, "bodyFields.0.keyTemplate"),
        ({"authCredentials": {"passwordTemplate": "{{"}, "authType": "basic"}, "authCredentials.passwordTemplate"),
        ({"responsePath": "a..b"}, "responsePath"),
        ({"bodyType": "diskPath"}, "bodyType"),
        ({"uriTemplate": ""}, "uriTemplate"),
    ],
)
def test_settings_that_cannot_be(config: dict[str, Any], field: str) -> None:
    assert list(faults("HttpNode", {"uriTemplate": URL, **config})) == [field]
