"""What the benchmark is asked to do."""

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

PARTS = ("saturation", "latency", "idle", "neighbours", "scale", "insight", "types", "crowd", "still", "costs", "api", "pages")


@dataclass(frozen=True)
class Options:
    """Choices of one call. Times in seconds, `rate` in messages a second."""

    parts: tuple[str, ...] = PARTS
    types: tuple[str, ...] = ()
    """Integration types of the parts `types`, `crowd` and `still`; empty: all."""
    peer: str = ""
    ours: bool = True
    rounds: int = 3
    quick: bool = False
    out_qos: int = 1
    own_out: bool = False
    nodelay: bool = False
    windows: tuple[int, ...] = (500, 1000, 2000)
    json_file: Path | None = None
    cache: Path = Path(__file__).resolve().parent.parent / ".bench"

    @property
    def seconds(self) -> float:
        """Measured time of a saturation run."""
        return 5.0 if self.quick else 10.0


def parse(arguments: list[str]) -> Options:
    """Read the command line; the environment variable PEER names the peer too."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts to run, of {', '.join(PARTS)}")
    parser.add_argument("--types", default="", help="integration types for the parts types, crowd and still (all)")
    parser.add_argument(
        "--peer", default=os.environ.get("PEER", ""), choices=["", "node-red"], help="run the same work through it"
    )
    parser.add_argument("--without-ours", action="store_true", help="measure the peer alone")
    parser.add_argument("--rounds", type=int, default=0, help="times to repeat saturation and latency (3; quick: 1)")
    parser.add_argument("--quick", action="store_true", help="one short round, to see that everything works")
    parser.add_argument("--out-qos", type=int, default=1, choices=[0, 1], help="QoS of what is published")
    parser.add_argument("--own-out", action="store_true", help="each input's connection publishes its own answers")
    parser.add_argument("--nodelay", action="store_true", help="let the broker send small packets at once (set_tcp_nodelay)")
    parser.add_argument("--windows", default="", help="messages under way at saturation, e.g. 500,1000,2000")
    parser.add_argument("--json", type=Path, dest="json_file", help="write all figures to this file")
    given = parser.parse_args(arguments)
    parts = tuple(part for part in PARTS if part in given.only.split(","))
    if not parts or set(given.only.split(",")) - set(PARTS):
        parser.error(f"--only takes {', '.join(PARTS)}")
    windows = tuple(int(text) for text in given.windows.split(",") if text) or ((1000,) if given.quick else (500, 1000, 2000))
    return Options(
        parts=parts,
        types=tuple(name for name in given.types.split(",") if name),
        peer=given.peer,
        ours=not given.without_ours,
        rounds=given.rounds or (1 if given.quick else 3),
        quick=given.quick,
        out_qos=given.out_qos,
        own_out=given.own_out,
        nodelay=given.nodelay,
        windows=windows,
        json_file=given.json_file,
    )
