"""Certificates for servers and clients under test: one authority, and one that nobody trusts."""

import ssl
from pathlib import Path
from typing import NamedTuple

import trustme


class Pair(NamedTuple):
    """A certificate and its private key, in PEM form."""

    certificate: str
    private_key: str


class Certificates:
    """An authority, a server certificate for loopback, and client certificates of this and of another authority."""

    def __init__(self, folder: Path) -> None:
        ours, theirs = trustme.CA(), trustme.CA()
        self.ca = ours.cert_pem.bytes().decode()
        self.other_ca = theirs.cert_pem.bytes().decode()
        self.client = _pair(ours.issue_cert("client", common_name="client"))
        self.foreign_client = _pair(theirs.issue_cert("client"))
        server = ours.issue_cert("localhost", "127.0.0.1")
        self.ca_file = folder / "ca.pem"
        self.server_file = folder / "server.pem"
        self.server_key_file = folder / "server.key"
        ours.cert_pem.write_to_path(self.ca_file)
        self.server_file.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
        server.private_key_pem.write_to_path(self.server_key_file)

    def server_context(self, *, client: bool = False) -> ssl.SSLContext:
        """Return the TLS of a server; with `client` it wants a certificate of our authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.server_file, self.server_key_file)
        if client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self.ca_file)
        return context

    def client_files(self, folder: Path) -> dict[str, str]:
        """Write the client's pair into a folder; return where, by what a form calls it."""
        files = {"Certificate": (folder / "client.pem", self.client[0]), "Private key": (folder / "client.key", self.client[1])}
        for path, text in files.values():
            path.write_text(text)
        return {label: str(path) for label, (path, _) in files.items()}


def _pair(leaf: trustme.LeafCert) -> Pair:
    return Pair("".join(blob.bytes().decode() for blob in leaf.cert_chain_pems), leaf.private_key_pem.bytes().decode())
