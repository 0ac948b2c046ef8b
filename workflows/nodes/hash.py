"""Hash: a digest of a text, or one that only who knows a secret can make (HMAC)."""

import base64
import binascii
import hashlib
import hmac

from pydantic import Field

from wegnology.lib.schema import Schema
from wegnology.lib.types import JSONObject
from workflows.nodes.base import Category, Node, NodeFailed, Result, RunContext, nodes, path_of, template_of

ALGORITHMS = {
    "md5": "md5",
    "sha1": "sha1",
    "sha256": "sha256",
    "sha512": "sha512",
    "ripemd": "ripemd160",
    "whirlpool": "whirlpool",
}
_INPUTS = ("utf8", "hex", "base64", "latin1")
_OUTPUTS = ("hex", "base64", "latin1")


class HashConfig(Schema):
    """Settings of `HashNode`."""

    data_template: str = Field(max_length=131_072, description="The data; a template.", examples=["{{data.message}}"])
    algorithm_template: str = Field(
        default="SHA256",
        max_length=1024,
        description="MD5, SHA1, SHA256, SHA512, RIPEMD or Whirlpool, as far as this machine's OpenSSL has them; a template.",
        examples=["SHA256"],
    )
    secret_template: str = Field(
        default="",
        max_length=32_768,
        description="When not blank, the digest is an HMAC with this secret; a template. Who may see the workflow can read it.",
    )
    encoding_template: str = Field(
        default="hex", max_length=1024, description="How to write the digest: hex, base64 or latin1; a template."
    )
    data_encoding_template: str = Field(
        default="utf8", max_length=1024, description="How the data is written: utf8, hex, base64 or latin1; a template."
    )
    secret_encoding_template: str = Field(
        default="utf8", max_length=1024, description="How the secret is written: utf8, hex, base64 or latin1; a template."
    )
    destination_path: str = Field(description="Payload path of the digest.", examples=["working.digest"])


@nodes.register
class HashNode(Node[HashConfig]):
    """Makes a digest or an HMAC. MD5 and SHA1 are there for old partners; they protect nothing."""

    name = "HashNode"
    label = "Crypto: Hash"
    category = Category.LOGIC
    Config = HashConfig

    def __init__(self, config: HashConfig) -> None:
        super().__init__(config)
        self._data = template_of("dataTemplate", config.data_template)
        self._algorithm = template_of("algorithmTemplate", config.algorithm_template)
        self._secret = template_of("secretTemplate", config.secret_template)
        self._encoding = template_of("encodingTemplate", config.encoding_template)
        self._data_encoding = template_of("dataEncodingTemplate", config.data_encoding_template)
        self._secret_encoding = template_of("secretEncodingTemplate", config.secret_encoding_template)
        self._destination = path_of("destinationPath", config.destination_path)

    def run(self, payload: JSONObject, context: RunContext) -> Result:
        algorithm = _algorithm(self._algorithm.render(payload))
        data = _bytes("dataTemplate", self._data.render(payload), self._data_encoding.render(payload))
        secret = _bytes("secretTemplate", self._secret.render(payload), self._secret_encoding.render(payload))
        try:
            digest = hmac.digest(secret, data, algorithm) if secret else hashlib.new(algorithm, data).digest()
        except ValueError:
            raise NodeFailed(f"this machine's OpenSSL does not offer {algorithm}") from None
        return self._destination.set(payload, _written(digest, self._encoding.render(payload))), 0


def _algorithm(text: str) -> str:
    name = ALGORITHMS.get(text.strip().lower().replace("-", ""))
    if name is None:
        raise NodeFailed(f"there is no algorithm {text[:80]!r}; known are MD5, SHA1, SHA256, SHA512, RIPEMD, Whirlpool")
    return name


def _bytes(field: str, text: str, encoding: str) -> bytes:
    encoding = encoding.strip().lower() or "utf8"
    try:
        if encoding == "hex":
            return bytes.fromhex(text)
        if encoding == "base64":
            return base64.b64decode(text, validate=True)
        if encoding in ("utf8", "utf-8"):
            return text.encode()
        if encoding in ("latin1", "binary"):
            return text.encode("latin-1")
    except (ValueError, binascii.Error):
        raise NodeFailed(f"{field} did not give {encoding}") from None
    raise NodeFailed(f"there is no encoding {encoding[:80]!r}; known are {', '.join(_INPUTS)}")


def _written(digest: bytes, encoding: str) -> str:
    encoding = encoding.strip().lower() or "hex"
    if encoding == "hex":
        return digest.hex()
    if encoding == "base64":
        return base64.b64encode(digest).decode()
    if encoding in ("latin1", "binary"):
        return digest.decode("latin-1")
    raise NodeFailed(f"there is no encoding {encoding[:80]!r} for a digest; known are {', '.join(_OUTPUTS)}")
