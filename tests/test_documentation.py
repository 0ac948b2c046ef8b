"""The documentation as pages."""

import re
from urllib.parse import urldefrag

import pytest
from django.test import Client
from django.urls import reverse

from wegnology.pages.documentation import pages

pytestmark = pytest.mark.django_db


def html_of(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200, address
    return response.content.decode()


def test_every_file_is_a_page_and_every_link_between_them_leads_somewhere(admin_client: Client) -> None:
    found = {
        reverse("documentation", args=[name]): html_of(admin_client, reverse("documentation", args=[name])) for name in pages()
    }
    ids = {address: set(re.findall(r'id="([^"]+)"', html)) for address, html in found.items()}
    wrong = []
    for address, html in found.items():
        article = html[html.index("<article") : html.index("</article>")]
        for link in re.findall(r'href="([^"]+)"', article):
            target, fragment = urldefrag(link if not link.startswith("#") else address + link)
            if target in found and fragment and fragment not in ids[target]:
                wrong.append(f"{address} names {link}")
            if target.endswith(".md"):
                wrong.append(f"{address} leads to the file {link}")
    assert wrong == []


def test_pictures_are_shown_and_nothing_else_of_the_disk(admin_client: Client) -> None:
    assert admin_client.get(reverse("documentation_picture", args=["status.png"])).headers["Content-Type"] == "image/png"
    for name in ("../guide.md", "nothing.png", "%2e%2e%2fguide.md"):
        assert admin_client.get(f"/docs/images/{name}").status_code in (301, 404), name
    for page in ("../README", "nothing", "../../etc/passwd"):
        assert admin_client.get(f"/docs/{page}").status_code == 404, page


def test_html_in_a_file_is_text(admin_client: Client) -> None:
    assert (
        "<!--"
        not in html_of(admin_client, reverse("documentation", args=["reference/nodes"]))
        .partition("<article")[2]
        .partition("</article>")[0]
    )


def test_nobody_reads_it_without_a_login(client: Client) -> None:
    assert client.get(reverse("documentation_start")).status_code == 302
