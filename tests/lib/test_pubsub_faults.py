"""What ends of calls mean."""

import pytest

from wegnology.lib.pubsub_faults import PubsubFault, explain_fault, meant


@pytest.mark.parametrize(
    ("code", "said", "text"),
    [
        ("INTERNAL", "Internal error from Core", "Pub/Sub is not available (UNAVAILABLE): the stream ended before it was asked"),
        ("INTERNAL", "out of disk", "Pub/Sub failed (INTERNAL): out of disk"),
        ("UNAVAILABLE", "", "Pub/Sub is not available (UNAVAILABLE)"),
    ],
)
def test_a_stream_that_ended_before_it_was_written_to_is_no_fault_of_googles(code: str, said: str, text: str) -> None:
    assert explain_fault(PubsubFault(*meant(code, said), "")) == text
