"""What a worker holds: an event that was not begun because the lease seemed to have run out is claimed again."""

import asyncio

from integrations.runtime.keys import key, partition_of
from integrations.runtime.limits import Limits
from tests.integrations.runtime.hub import Hub, stored, with_client
from wegnology.lib.ids import new_id
from wegnology.lib.redis import AsyncRedis
from workflows.holding import Holding
from workflows.turns import Turns


def test_what_was_left_undone_is_claimed_again_when_the_lease_is_renewed_after_all(hub: Hub) -> None:
    integration_id = new_id()
    partition = partition_of(integration_id)
    hub.append(integration_id, [stored(1)], "*")

    async def work(client: AsyncRedis) -> None:
        holding = Holding(client, "w1", Limits(partitions=4), Turns(lambda _: None))
        assert await holding.take(partition)
        (box,) = holding.turn()
        box.after, box.flying, holding.flying = hub.inbox(integration_id)[0].identifier, 1, 1
        box.lease.deadline = 0.0
        assert not box.lease.alive()  # so its run was not begun
        await holding.renew()
        (again,) = holding.turn()
        assert again is not box
        assert (again.after, holding.flying, again.lease.alive()) == (b"0", 0, True)
        assert hub.client.get(key("run", partition)) == again.lease.token.encode()

    asyncio.run(with_client(work))
