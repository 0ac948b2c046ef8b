"""An SQS server on loopback that checks logins and permissions as AWS does: ministack, in an environment of its own.

`make test` installs it (`.venv-counterparts`); by hand: `make .venv-counterparts/.installed`.
"""

import itertools
import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, NamedTuple, Self

import boto3
import pytest
from botocore.config import Config

from tests.servers.processes import LOOPBACK, accepts, end, free_port, wait_until

REGION = "eu-west-1"
PROGRAMS = Path(__file__).resolve().parent.parent.parent / ".venv-counterparts" / "bin"
RECEIVE = ("sqs:ReceiveMessage",)
SEND = ("sqs:SendMessage",)
DELETE = ("sqs:DeleteMessage", "sqs:DeleteMessageBatch")  # AWS asks for the first alone, this server for each by its own name
LOOK = ("sqs:GetQueueAttributes",)
RELEASE = ("sqs:ChangeMessageVisibility", "sqs:ChangeMessageVisibilityBatch")
ALL = (*RECEIVE, *SEND, *DELETE, *LOOK, *RELEASE)


class AwsUser(NamedTuple):
    """An AWS user's access key."""

    access_key_id: str
    secret_access_key: str


ROOT = AwsUser("test", "test")


class SqsServer:
    """One server, which keeps its port, queues and users through restarts."""

    program: ClassVar[Path] = PROGRAMS / "ministack"
    account: ClassVar[str] = "000000000000"

    def __init__(self) -> None:
        self.root = ROOT
        """Who makes queues and users, and looks into them."""
        self.port = free_port()
        self._folder = tempfile.TemporaryDirectory(prefix="sqs-")
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)
        self._making = threading.Lock()
        self._users: dict[AwsUser, str] = {}
        self._clients: dict[tuple[str, AwsUser], Any] = {}

    def start(self) -> None:
        """Start, or start again with the queues of before."""
        if not self.program.exists():
            pytest.fail(f"{self.program} is missing: run make .venv-counterparts/.installed")
        home, command = self._folder.name, [str(self.program), *self.arguments()]
        environment = {"PATH": os.environ["PATH"], "HOME": home, "TMPDIR": home, **self.settings()}
        with (Path(home) / "log").open("ab") as output:
            self._process = subprocess.Popen(command, env=environment, stdout=output, stderr=output, cwd=home)
        wait_until(self._ready, what="the SQS server answering")

    def arguments(self) -> list[str]:
        """Return what stands behind the program's name."""
        return []

    def settings(self) -> dict[str, str]:
        """Return what the program reads from its environment."""
        return {
            "AUTH": "true",
            "BIND_HOST": LOOPBACK,
            "MINISTACK_HOST": LOOPBACK,
            "GATEWAY_PORT": str(self.port),
            "SERVICES": "sqs,iam,sts",
            "PERSIST_STATE": "1",
            "STATE_DIR": self._folder.name,
            "LOG_LEVEL": "ERROR",
        }

    def _ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            said = (Path(self._folder.name) / "log").read_text()[-2000:]
            raise RuntimeError(f"the SQS server ended with status {self._process.returncode}: {said}")
        return accepts(self.port)

    def stop(self) -> None:
        """Stop in order."""
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        if self._process is not None:
            end(self._process)

    def restart(self) -> None:
        """Stop and start again."""
        self.stop()
        self.start()

    def client(self, service: str = "sqs", user: AwsUser | None = None) -> Any:
        """Return a client of boto3 straight to the server."""
        user = user or self.root
        with self._making:
            if (service, user) not in self._clients:
                self._clients[service, user] = self._client(service, user)
            return self._clients[service, user]

    def _client(self, service: str, user: AwsUser) -> Any:
        return boto3.session.Session().client(
            service,
            region_name=REGION,
            endpoint_url=f"http://{LOOPBACK}:{self.port}",
            aws_access_key_id=user.access_key_id,
            aws_secret_access_key=user.secret_access_key,
            config=Config(proxies={}, retries={"total_max_attempts": 2}),
        )

    def queue(self, *, fifo: bool = False, **attributes: str) -> str:
        """Make a queue; return its name."""
        name = f"q{next(self._names)}{'.fifo' if fifo else ''}"
        wanted = {"VisibilityTimeout": "1", **attributes, **({"FifoQueue": "true"} if fifo else {})}
        self.client().create_queue(QueueName=name, Attributes=wanted)
        return name

    def url(self, queue: str, port: int = 0) -> str:
        """Return a queue's URL, at another port where one is given."""
        return f"http://{LOOPBACK}:{port or self.port}/{self.account}/{queue}"

    def user(self, *actions: str) -> AwsUser:
        """Make an AWS user that may do these things with every queue."""
        iam, name = self.client("iam"), f"user{next(self._names)}"
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        made = AwsUser(key["AccessKeyId"], key["SecretAccessKey"])
        self._users[made] = name
        if actions:
            self.allow(made, *actions)
        return made

    def allow(self, user: AwsUser, *actions: str) -> None:
        """Let a user do these things, and no others."""
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("iam").put_user_policy(UserName=self._users[user], PolicyName="queues", PolicyDocument=policy)

    def publish(self, queue: str, messages: Sequence[str], **more: Any) -> None:
        """Send messages, in order, ten at a time; `more` goes with each."""
        client = self.client()
        numbered = [{"Id": str(at), "MessageBody": text, **_own(at, more)} for at, text in enumerate(messages)]
        for first in range(0, len(numbered), 10):
            answer = client.send_message_batch(QueueUrl=self.url(queue), Entries=numbered[first : first + 10])
            assert not answer.get("Failed"), answer["Failed"]

    def take_all(self, queue: str) -> list[dict[str, Any]]:
        """Receive and delete what is there."""
        client, url = self.client(), self.url(queue)
        taken: list[dict[str, Any]] = []
        while True:
            answer = client.receive_message(
                QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"]
            )
            messages = answer.get("Messages", [])
            if not messages:
                return taken
            for message in messages:
                client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            taken += messages

    def left(self, queue: str) -> int:
        """Return how many messages the queue holds, hidden ones too."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client().get_queue_attributes(QueueUrl=self.url(queue), AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
        self._folder.cleanup()


def _own(at: int, more: Mapping[str, Any]) -> dict[str, Any]:
    """Give each message of a FIFO queue a deduplication id of its own."""
    return {**more, "MessageDeduplicationId": f"{at}-{os.urandom(4).hex()}"} if "MessageGroupId" in more else dict(more)
