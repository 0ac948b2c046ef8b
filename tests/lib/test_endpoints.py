"""Services that are somewhere else than usual."""

from collections.abc import Iterator

import pytest

from wegnology.lib import endpoints


@pytest.fixture(autouse=True)
def _as_usual() -> Iterator[None]:
    yield
    endpoints.configure([])


def test_a_service_is_where_it_is_said_to_be() -> None:
    endpoints.configure(["particle=https://cloud.example.com/api/", " other=http://10.0.0.1:8080"])
    assert endpoints.service_url("particle", "https://usual") == "https://cloud.example.com/api"
    assert endpoints.service_url("other", "https://usual") == "http://10.0.0.1:8080"
    assert endpoints.service_url("third", "https://usual/") == "https://usual"


@pytest.mark.parametrize(
    "entry", ["particle", "particle=", "=https://x", "particle=cloud.example.com", "particle=ftp://x", "p=https://"]
)
def test_what_is_no_address_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match=entry.replace("?", ".")):
        endpoints.configure(["good=https://x", entry])
    assert endpoints.service_url("good", "usual") == "usual"
