"""A second SQS server on loopback, written by others than the first: moto, in the environment of ministack.

It checks keys, but answers a wrong one in another format than AWS does, so refusals are tested against ministack. Nothing is kept
through a restart.
"""

import urllib.request
from typing import ClassVar

from tests.servers.processes import LOOPBACK
from tests.servers.sqs import PROGRAMS, ROOT, SqsServer


class MotoServer(SqsServer):
    """One server, whose keys are checked once it has started."""

    program: ClassVar = PROGRAMS / "moto_server"
    account: ClassVar[str] = "123456789012"

    def arguments(self) -> list[str]:
        """Return what stands behind the program's name."""
        return ["-H", LOOPBACK, "-p", str(self.port)]

    def start(self) -> None:
        """Start anew, without the queues and users of before."""
        self.root = ROOT
        super().start()
        self.root = self.user("*")
        url = f"http://{LOOPBACK}:{self.port}/moto-api/reset-auth"
        request = urllib.request.Request(url, data=b"0", headers={"Content-Type": "text/plain"}, method="POST")
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 200
