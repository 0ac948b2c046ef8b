"""One archive of everything: Redis, then the database, then the keys.

The order follows where an event goes. It is accepted into an inbox (Redis), leaves it only after what came of it is stored (a
message in an outbox, a parked run in the database), and never comes back by itself. So whatever is copied first must be what
events leave, and last what they reach: then an event that moved while the copy was made stands in both places, runs or is parked
once more, and is recognised by its id. The other way round it would stand in neither.
"""
