"""The official clients against the Event Hubs counterpart, so that it stays honest: JavaScript (slow) and Python."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient
from azure.eventhub.exceptions import AuthenticationError

from tests.servers.event_hubs import KEY, EventHubs
from tests.servers.npm import installed

VERSION = "6.0.4"
SCRIPT = """
const { EventHubProducerClient, EventHubConsumerClient, earliestEventPosition } = require("@azure/event-hubs");
const [, , connection, wrong] = process.argv;
const retryOptions = { maxRetries: 0, timeoutInMs: 5000 };
const say = (kind, value) => console.log(JSON.stringify({ kind, value }));
(async () => {
  const producer = new EventHubProducerClient(connection, "js", { retryOptions });
  say("hub", await producer.getEventHubProperties());
  const batch = await producer.createBatch({ partitionKey: "k" });
  for (let n = 0; n < 3; n++) batch.tryAdd({ body: `e${n}`, properties: { n, yes: true, text: "grüß" } });
  await producer.sendBatch(batch);
  await producer.sendBatch([{ body: "x".repeat(300000) }], { partitionId: "0" });
  await producer.sendBatch([{ body: Buffer.from([255, 0, 1]) }], { partitionId: "1" });
  say("partition", await producer.getPartitionProperties("0"));
  await producer.close();
  const consumer = new EventHubConsumerClient("$Default", connection, "js", { retryOptions });
  const got = [];
  const subscription = consumer.subscribe({
    processEvents: async (events, context) => {
      for (const event of events) {
        const { body, properties, partitionKey, sequenceNumber, offset } = event;
        const text = Buffer.isBuffer(body) ? body.toString("hex") : body;
        got.push({ text: text.length > 100 ? text.length : text, properties, partitionKey, sequenceNumber, offset,
          partition: context.partitionId, last: context.lastEnqueuedEventProperties?.sequenceNumber });
      }
    },
    processError: async (error) => say("error", { name: error.name, code: error.code }),
  }, { startPosition: earliestEventPosition, trackLastEnqueuedEventProperties: true, maxWaitTimeInSeconds: 1 });
  while (got.length < 5) await new Promise((resolve) => setTimeout(resolve, 50));
  say("events", got);
  await subscription.close();
  await consumer.close();
  const stranger = new EventHubProducerClient(wrong, "js", { retryOptions });
  await stranger.getPartitionIds().catch((error) => say("refused", { code: error.code, message: error.message }));
  await stranger.close();
  const nowhere = new EventHubProducerClient(connection, "none", { retryOptions });
  await nowhere.getPartitionIds().catch((error) => say("unknown", { code: error.code, message: error.message }));
  await nowhere.close();
  say("end", null);
})().catch((error) => { say("failed", `${error.name} ${error.code} ${error.message}`); process.exit(1); });
"""


@pytest.fixture(scope="module")
def hubs() -> Iterator[EventHubs]:
    with EventHubs(frame_bytes=4096) as hubs:
        yield hubs


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_javascript_client(hubs: EventHubs, tmp_path: Path) -> None:
    folder = installed("@azure/event-hubs", VERSION)
    node = shutil.which("node")
    assert node is not None
    script = folder / "talk.js"
    script.write_text(SCRIPT)
    hubs.hub("js", 2)
    right = hubs.connection_string()
    command = [node, str(script), right, right.replace(KEY, KEY[::-1])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False, cwd=folder)
    said: dict[str, Any] = {line["kind"]: line["value"] for line in map(json.loads, done.stdout.splitlines())}
    assert "end" in said, done.stdout + done.stderr
    assert (said["hub"]["name"], said["hub"]["partitionIds"]) == ("js", ["0", "1"])
    assert said["partition"]["isEmpty"] is False
    events = sorted(said["events"], key=lambda event: str(event["text"]))
    assert [event["text"] for event in events] == [300000, "e0", "e1", "e2", "ff0001"]
    assert [event["sequenceNumber"] for event in events[1:4]] == [0, 1, 2]
    assert events[1]["properties"] == {"n": 0, "yes": True, "text": "grüß"}
    assert events[1]["partitionKey"] == "k"
    assert all(event["last"] >= event["sequenceNumber"] for event in events)
    assert "InvalidSignature" in said["refused"]["message"]
    assert "could not be found" in said["unknown"]["message"]
    assert "error" not in said


def test_the_python_client(hubs: EventHubs) -> None:
    hubs.hub("python", 2)
    login: dict[str, Any] = {"eventhub_name": "python", "retry_total": 0}
    right = hubs.connection_string()

    async def story() -> None:
        async with EventHubProducerClient.from_connection_string(right, **login) as producer:
            assert await producer.get_partition_ids() == ["0", "1"]
            batch = await producer.create_batch(partition_key="k")
            for number in range(3):
                event = EventData(f"e{number}")
                event.properties = {"n": number}
                batch.add(event)
            await producer.send_batch(batch)
            await producer.send_event(EventData(b"x" * 100_000), partition_id="0")
            assert not (await producer.get_partition_properties("0"))["is_empty"]
        async with EventHubProducerClient.from_connection_string(right.replace(KEY, KEY[::-1]), **login) as stranger:
            with pytest.raises(AuthenticationError, match="InvalidSignature"):
                await stranger.get_partition_ids()
        got: list[EventData] = []
        all_there = asyncio.Event()

        async def take(_: Any, event: EventData | None) -> None:
            if event is not None:
                got.append(event)
            if len(got) == 4:
                all_there.set()

        async with EventHubConsumerClient.from_connection_string(right, consumer_group="$Default", **login) as consumer:
            receiving = asyncio.create_task(consumer.receive(take, starting_position="-1"))
            await asyncio.wait_for(all_there.wait(), 30)
            receiving.cancel()
            await asyncio.wait([receiving])
        keyed = [event for event in got if event.partition_key == b"k"]
        assert [(event.body_as_str(), event.properties, event.sequence_number) for event in keyed] == [
            (f"e{number}", {b"n": number}, number) for number in range(3)
        ]
        assert sorted(len(event.body_as_str()) for event in got) == [2, 2, 2, 100_000]

    asyncio.run(asyncio.wait_for(story(), 60))
