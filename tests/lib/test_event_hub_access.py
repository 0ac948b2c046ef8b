"""Connection strings, hosts and shared access signatures of Azure Event Hubs."""

import time

import pytest

from wegnology.lib.event_hub_access import Access, parse_connection_string, parse_host, resource_of

PARTS = "Endpoint=sb://Green.servicebus.windows.net/;SharedAccessKeyName=hub;SharedAccessKey=c2VjcmV0PT0="
SIGNATURE = "SharedAccessSignature sr=sb%3A%2F%2Fgreen.servicebus.windows.net%2Freadings&sig=abc%3D&se=1785500411&skn=hub"


def test_a_namespace_and_a_hub() -> None:
    assert parse_connection_string(PARTS) == Access("green.servicebus.windows.net", 5671, True, "hub", "c2VjcmV0PT0=")
    assert parse_connection_string(f" {PARTS};EntityPath=readings; ").hub == "readings"
    local = parse_connection_string(
        PARTS.replace("Green.servicebus.windows.net", "127.0.0.1:5802") + ";UseDevelopmentEmulator=true"
    )
    assert (local.host, local.port, local.secured) == ("127.0.0.1", 5802, False)
    assert parse_connection_string(PARTS.replace("net/", "net:5999/")).port == 5999


def test_a_signature() -> None:
    access = parse_connection_string(f"Endpoint=sb://green.servicebus.windows.net/;SharedAccessSignature={SIGNATURE}")
    assert (access.signature, access.ends) == (SIGNATURE, 1785500411.0)
    assert access.token("readings").text == SIGNATURE
    assert resource_of(SIGNATURE) == "readings"
    assert resource_of("") == ""


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("nonsense", "not of the form"),
        ("SharedAccessKeyName=hub;SharedAccessKey=x", "no Endpoint"),
        ("Endpoint=https://a.b/;SharedAccessKeyName=hub;SharedAccessKey=x", "Endpoint is not of the form"),
        ("Endpoint=sb://a b/;SharedAccessKeyName=hub;SharedAccessKey=x", "Endpoint is not of the form"),
        ("Endpoint=sb://a.b:99999/;SharedAccessKeyName=hub;SharedAccessKey=x", "Endpoint is not of the form"),
        ("Endpoint=sb://a.b/;SharedAccessKeyName=hub", "needs SharedAccessKeyName and SharedAccessKey"),
        (f"{PARTS};EntityPath=", "not of the form"),
        (f"{PARTS};Endpoint=sb://b.c/", "Endpoint is in it twice"),
        (f"{PARTS};SharedAccessSignature={SIGNATURE}", "Leave one of them out"),
        ("Endpoint=sb://a.b/;SharedAccessSignature=abc", "SharedAccessSignature is not of the form"),
        (f"Endpoint=sb://a.b/;SharedAccessSignature={SIGNATURE.replace('1785500411', 'soon')}", "not a number of seconds"),
    ],
)
def test_faults_are_named_without_the_secret(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=fault) as caught:
        parse_connection_string(text)
    assert "c2VjcmV0" not in str(caught.value)


def test_hosts() -> None:
    assert parse_host("Green.servicebus.windows.net") == ("green.servicebus.windows.net", 5671)
    assert parse_host("127.0.0.1:5802") == ("127.0.0.1", 5802)
    for wrong in ("sb://green.servicebus.windows.net", "green/hub", "", "a b", "green:x", "green:70000"):
        with pytest.raises(ValueError, match="host"):
            parse_host(wrong)


def test_a_token_is_made_for_the_hub_and_no_secret_is_shown() -> None:
    access = parse_connection_string(PARTS)
    token = access.token("readings", 60)
    assert token.text.startswith("SharedAccessSignature sr=sb%3A%2F%2Fgreen.servicebus.windows.net%2Freadings&sig=")
    assert 50 < token.ends - time.time() <= 61
    assert "c2VjcmV0" not in repr(access)
