"""Finding a circle among wired nodes, without recursion: graphs may be deep."""

from collections.abc import Collection, Mapping, Sequence


def find_circle(wires: Mapping[str, Sequence[Sequence[str]]]) -> list[str]:
    """Return the ids along one circle, or []. Self connections are told apart elsewhere."""
    targets = {
        source: {t for output in outputs for t in output if t in wires and t != source} for source, outputs in wires.items()
    }
    sources = dict.fromkeys(targets, 0)
    for reached in targets.values():
        for target in reached:
            sources[target] += 1
    free = [node for node, count in sources.items() if not count]
    while free:
        node = free.pop()
        del sources[node]
        for target in targets[node]:
            sources[target] -= 1
            if not sources[target]:
                free.append(target)
    return _walk_circle(targets, sources.keys()) if sources else []


def _walk_circle(targets: Mapping[str, set[str]], left: Collection[str]) -> list[str]:
    """Follow wires backwards among what is left: every node there has a source there, so the walk must meet itself."""
    source_of = {target: source for source in left for target in targets[source] if target in left}
    seen: dict[str, None] = {}
    node = next(iter(left))
    while node not in seen:
        seen[node] = None
        node = source_of[node]
    order = list(seen)
    return [node, *reversed(order[order.index(node) :])]
