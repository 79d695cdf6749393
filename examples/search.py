"""Search by relation: four kinds of query to an index of labelled pairs.

pip install "st-relbert[search]"
python examples/search.py --model relbert-nce        # the model of make quickstart, or any other
"""

from __future__ import annotations

import argparse
import tempfile

from st_relbert import RelBERT
from st_relbert.search import AnalogyCompleter, RelationIndex, open_pair_source, relation_labels


def main(arguments: list[str] | None = None) -> None:
    """Build an index and query it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="relbert-nce", help="hub id or folder")
    args = parser.parse_args(arguments)
    model = RelBERT(args.model)
    with tempfile.TemporaryDirectory() as folder:
        index = RelationIndex.create(f"{folder}/index", model)
        index.add(open_pair_source("starter"))
        print(f"{len(index):,} pairs of {len(index.relations())} relations")

        print("\nPairs like Tokyo : Japan")
        for hit in index.search(("Tokyo", "Japan"), k=4, exclude="words"):
            print(f"  {hit.score:.2f}  {hit.head} : {hit.tail}  ({hit.relation})")

        print("\nPairs like both thermometer : temperature and scale : weight")
        for hit in index.search([("thermometer", "temperature"), ("scale", "weight")], k=4):
            print(f"  {hit.score:.2f}  {hit.head} : {hit.tail}  ({hit.relation})")

        print("\nWhich relation is bakery : bread?")
        for label in relation_labels(index, ("bakery", "bread"))[:3]:
            print(f"  {label.score:.0%}  {label.relation}, such as {' : '.join(label.example)}")

        print("\nTokyo is to Japan as Paris is to")
        complete = AnalogyCompleter.of_index(index)
        for completion in complete(("Tokyo", "Japan"), "Paris", k=4):
            print(f"  {completion.score:.2f}  {completion.word}")


if __name__ == "__main__":
    main()
