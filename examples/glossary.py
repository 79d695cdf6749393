"""Mine a glossary: which of its words are related in the same way as a few examples?

    python examples/glossary.py --model relbert-nce
    python examples/glossary.py --model relbert-nce --words terms.txt --examples instrument,player drum,drummer

Reads one word per line. The default words are about ships, and the relation is that of a part and its whole.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from st_relbert import RelBERT
from st_relbert.search import Vocabulary, mine_pairs

WORDS = """anchor, mast, sail, hull, deck, rudder, keel, bow, stern, ship, boat, engine, propeller, cabin,
    galley, bridge, captain, sailor, cook, helmsman, harbour, lighthouse, pier, net, fish, rope, knot, canvas,
    wood, steel, storm, wave, wind, tide, map, compass, voyage, cargo, crane, container, pirate, treasure,
    island, coast, beach, sand, chain, wheel, window, door, house, roof, wall, car, brake, tree, branch,
    leaf"""
EXAMPLES = ["wheel,car", "roof,house", "branch,tree"]


def main(arguments: list[str] | None = None) -> None:
    """Print the pairs most similar to the examples."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="relbert-nce", help="hub id or folder")
    parser.add_argument("--words", type=Path, help="a text file with one word per line")
    parser.add_argument("--examples", nargs="+", default=EXAMPLES, metavar="HEAD,TAIL", help="pairs of the relation")
    parser.add_argument("-k", type=int, default=15, help="how many pairs")
    args = parser.parse_args(arguments)
    text = args.words.read_text(encoding="utf-8").splitlines() if args.words else WORDS.split(",")
    words = [word for word in map(str.strip, text) if word]
    examples = [tuple(example.split(",")) for example in args.examples]

    model = RelBERT(args.model, fast=True)
    vocabulary = Vocabulary.encode(model, words)
    for found in mine_pairs(model, examples, vocabulary, k=args.k, tails_per_head=2):
        print(f"{found.score:.2f}  {found.head} : {found.tail}")


if __name__ == "__main__":
    main()
