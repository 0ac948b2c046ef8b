"""The official clients against the Pub/Sub counterpart, so that it stays honest; and our connector against Google's emulator."""

import asyncio
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.api_core.exceptions import NotFound, Unauthenticated
from google.cloud import pubsub_v1
from google.oauth2 import service_account
from google.pubsub_v1.services.publisher.transports import PublisherGrpcTransport
from google.pubsub_v1.types import PubsubMessage

from integrations.connectors.base import Source
from integrations.connectors.google_pub_sub import GooglePubSubConfig, GooglePubSubConnector, GooglePubSubOutgoing
from tests.servers.certificates import Certificates
from tests.servers.npm import installed
from tests.servers.processes import LOOPBACK, accepts, end, free_port, wait_until
from tests.servers.pubsub import PubsubServer
from tests.servers.pubsub_accounts import PROJECT
from wegnology.lib import endpoints
from wegnology.lib.types import JSONObject

VERSION = "5.2.0"
SCRIPT = """
const { PubSub } = require("@google-cloud/pubsub");
const [, , port, keyFilename, wrong, projectId] = process.argv;
const say = (kind, value) => console.log(JSON.stringify({ kind, value }));
const service = (keyFile) => new PubSub({ servicePath: "localhost", port: Number(port), projectId, keyFilename: keyFile });
const soon = { gaxOpts: { retry: null, timeout: 5000 } };
(async () => {
  const pubsub = service(keyFilename);
  const [topic] = await pubsub.createTopic("js");
  const [subscription] = await topic.createSubscription("js-sub", { enableMessageOrdering: true });
  const ordered = pubsub.topic("js", { messageOrdering: true });
  for (let n = 0; n < 5; n++) {
    await ordered.publishMessage({ data: Buffer.from(`m${n}`), attributes: { n: `${n}` }, orderingKey: "k" });
  }
  const got = [];
  let again = true;
  subscription.on("message", (message) => {
    if (again && message.data.toString() === "m4") { again = false; message.nack(); return; }
    got.push({ text: message.data.toString(), attributes: message.attributes, key: message.orderingKey,
      time: message.publishTime.getTime(), id: message.id });
    message.ack();
  });
  subscription.on("error", (error) => say("error", { code: error.code, message: error.message }));
  while (got.length < 5) await new Promise((resolve) => setTimeout(resolve, 50));
  say("messages", got);
  await subscription.close();
  await pubsub.topic("nowhere").get(soon).catch((error) => say("unknown", { code: error.code }));
  await pubsub.close();
  await service(wrong).topic("js").getMetadata(soon.gaxOpts).catch((error) => say("refused", { code: error.code }));
  say("end", null);
  process.exit(0);
})().catch((error) => { say("failed", `${error.name} ${error.code} ${error.message}`); process.exit(1); });
"""


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(Path(tmp_path_factory.mktemp("certificates")))


@pytest.fixture(scope="module")
def cloud(certificates: Certificates) -> Iterator[PubsubServer]:
    with PubsubServer(certificates) as cloud:
        yield cloud


def wrong_key(key_json: str) -> str:
    return json.dumps({**json.loads(key_json), "private_key_id": "another"})


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_javascript_client(cloud: PubsubServer, certificates: Certificates, tmp_path: Path) -> None:
    folder = installed("@google-cloud/pubsub", VERSION)
    node = shutil.which("node")
    assert node is not None
    key, wrong = tmp_path / "key.json", tmp_path / "wrong.json"
    key.write_text(cloud.account().key_json)
    wrong.write_text(wrong_key(key.read_text()))
    script = folder / "talk.js"
    script.write_text(SCRIPT)
    command = [node, str(script), str(cloud.port), str(key), str(wrong), PROJECT]
    environment = {"PATH": str(Path(node).parent), "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": str(certificates.ca_file)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, cwd=folder, env=environment)
    said: dict[str, Any] = {line["kind"]: line["value"] for line in map(json.loads, done.stdout.splitlines())}
    assert "end" in said, done.stdout + done.stderr
    assert [message["text"] for message in said["messages"]] == [f"m{n}" for n in range(5)]
    assert said["messages"][1]["attributes"] == {"n": "1"}
    assert {message["key"] for message in said["messages"]} == {"k"}
    assert abs(said["messages"][0]["time"] - time.time() * 1000) < 60_000
    assert said["unknown"]["code"] == grpc.StatusCode.NOT_FOUND.value[0]
    assert said["refused"]["code"] == grpc.StatusCode.UNAUTHENTICATED.value[0]
    assert "error" not in said


def test_the_python_client(cloud: PubsubServer, certificates: Certificates) -> None:
    tls = grpc.ssl_channel_credentials(certificates.ca.encode())
    topic = cloud.topic("python")
    with _publisher(cloud, tls, cloud.account().key_json) as publisher:
        answer = publisher.publish(topic=topic, messages=[PubsubMessage(data=b"x")], retry=None)
        assert len(answer.message_ids) == 1
        with pytest.raises(NotFound):
            publisher.get_topic(topic=f"{topic}-none", retry=None)
    with _publisher(cloud, tls, wrong_key(cloud.account().key_json)) as stranger, pytest.raises(Unauthenticated):
        stranger.get_topic(topic=topic, retry=None)


def test_the_python_subscriber_gets_what_it_lets_go_again() -> None:
    with PubsubServer(tokens=False) as cloud:
        topic = cloud.topic("again")
        address = f"{LOOPBACK}:{cloud.port}"
        channel = grpc.insecure_channel(address)
        transport = pubsub_v1.SubscriberClient.get_transport_class("grpc")(channel=channel)
        got: list[str] = []
        with pubsub_v1.SubscriberClient(transport=transport) as subscriber:
            name = f"projects/{PROJECT}/subscriptions/again"
            subscriber.create_subscription(request={"name": name, "topic": topic, "enable_message_ordering": True})

            def take(message: Any) -> None:
                got.append(message.data.decode())
                (message.nack if len(got) == 1 else message.ack)()

            future: Future[None] = subscriber.subscribe(name, callback=take)
            cloud.publish("again", ["1", "2", "3"], key="k")
            wait_until(lambda: cloud.left("again") == 0, what="every message being acknowledged")
            future.cancel()
        assert got[0] == "1"
        assert list(dict.fromkeys(got)) == ["1", "2", "3"]
        assert got.count("1") == 2


def _publisher(cloud: PubsubServer, tls: grpc.ChannelCredentials, key_json: str) -> Any:
    make: Any = service_account.Credentials.from_service_account_info
    credentials = make(json.loads(key_json))
    transport = PublisherGrpcTransport(
        host=f"localhost:{cloud.port}", credentials=credentials, ssl_channel_credentials=tls, always_use_jwt_access=True
    )
    return pubsub_v1.publisher.client.publisher_client.PublisherClient(transport=transport)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[int]:
    """Google's own emulator, where it is installed."""
    found = sorted(Path("/usr/lib/google-cloud-sdk/platform/pubsub-emulator").rglob("*all.jar"))
    java = shutil.which("java")
    if not found or java is None:
        pytest.skip("Google's emulator is not installed (google-cloud-cli-pubsub-emulator, Java 17)")
    port = free_port()
    command = [java, "-Xmx256m", "-cp", str(found[0]), "com.google.cloud.pubsub.testing.v1.Main"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([*command, f"--host={LOOPBACK}", f"--port={port}"], stdout=log, stderr=log)
    try:
        wait_until(lambda: accepts(port), 60, "the emulator answering")
        yield port
    finally:
        end(process)


@pytest.mark.slow
def test_our_connector_with_the_emulator_of_google(emulator: int, cloud: PubsubServer) -> None:
    key_json = cloud.account().key_json
    endpoints.configure([f"googlePubSub=http://{LOOPBACK}:{emulator}"])
    transport = PublisherGrpcTransport(channel=grpc.insecure_channel(f"{LOOPBACK}:{emulator}"))
    with pubsub_v1.publisher.client.publisher_client.PublisherClient(transport=transport) as publisher:
        publisher.create_topic(name=f"projects/{PROJECT}/topics/readings")

    async def story() -> None:
        config = GooglePubSubConfig.resolve({"keyJson": key_json}, {})
        connector = GooglePubSubConnector(config, Source("5f70", ("readings",)))
        sender = GooglePubSubConnector.sender(config, connector.source)
        await connector.connect()
        got: list[JSONObject] = []
        for number in range(20):
            await sender.send(GooglePubSubOutgoing(topic="readings", data=str(number), attributes={"n": number}), "e")
        async with asyncio.timeout(30):
            while len(got) < 20:
                some = await connector.receive()
                await connector.acknowledge(some)
                got += [delivery.data for delivery in some]
        await connector.probe()
        steps = [step async for step in GooglePubSubConnector.check(config, connector.source)]
        assert [step for step in steps if step.state in ("failed", "skipped")] == []
        await connector.close()
        await connector.purge()
        await sender.close()
        assert sorted(int(str(data["data"])) for data in got) == list(range(20))

    try:
        asyncio.run(story())
    finally:
        endpoints.configure([])
