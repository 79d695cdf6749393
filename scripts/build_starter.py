"""Build the starter data set that the package ships from its source, starter/relations.txt.

    python scripts/build_starter.py [--output st_relbert/data/starter]

Of each relation 14 pairs go to training and 4 to validation; relations marked held_out go to validation whole. The
negatives are the reversed pairs, where the relation is not symmetric. The analogy questions hold no training pair.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).parent / "starter" / "relations.txt"
TARGET = Path(__file__).parent.parent / "st_relbert" / "data" / "starter"
TRAINING_PAIRS = 14
CHOICES = 5

Pair = list[str]


@dataclass
class Relation:
    """A relation of the source."""

    name: str
    symmetric: bool
    held_out: bool
    pairs: list[Pair]

    @property
    def parent(self) -> str:
        """The group of relations it belongs to."""
        return self.name.split("/")[0]

    @property
    def unseen(self) -> list[Pair]:
        """The pairs that training does not see."""
        return self.pairs if self.held_out else self.pairs[TRAINING_PAIRS:]

    def record(self, pairs: list[Pair]) -> dict[str, object]:
        """A relation set's record of some of the pairs."""
        negatives = [] if self.symmetric else [[tail, head] for head, tail in pairs]
        return {"relation_type": self.name, "positives": pairs, "negatives": negatives}


def read_source(path: Path = SOURCE) -> list[Relation]:
    """Parse the source."""
    relations = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            head, _, body = line.partition(" = ")
            name, *flags = head.split(" ")
            pairs = [pair.split(" : ") for pair in body.split(" ; ")]
            relations.append(Relation(name, "symmetric" in flags, "held_out" in flags, pairs))
    return relations


def questions(relations: list[Relation], held_out: bool) -> list[dict[str, object]]:
    """Analogy questions over pairs unseen in training: stem and answer of one relation, distractors of others."""
    rng = random.Random(0)
    records = []
    for relation in (relation for relation in relations if relation.held_out == held_out):
        others = [other for other in relations if other is not relation]
        near = [pair for other in others if other.parent == relation.parent for pair in other.unseen]
        far = [pair for other in others if other.parent != relation.parent for pair in other.unseen]
        for index, stem in enumerate(relation.unseen):
            answer = relation.unseen[(index + 1) % len(relation.unseen)]
            # Half of the distractors come from sister relations, which are harder to tell apart.
            choice = [answer, *rng.sample(near, CHOICES // 2), *rng.sample(far, CHOICES - 1 - CHOICES // 2)]
            rng.shuffle(choice)
            records.append({"stem": stem, "answer": choice.index(answer), "choice": choice, "prefix": relation.name})
    return records


def build(target: Path) -> None:
    """Write all files."""
    relations = read_source()
    seen = [relation for relation in relations if not relation.held_out]
    write(target / "train.jsonl", [relation.record(relation.pairs[:TRAINING_PAIRS]) for relation in seen])
    write(target / "validation.jsonl", [relation.record(relation.unseen) for relation in relations])
    write(target / "held_out_pairs" / "test.jsonl", questions(relations, held_out=False))
    write(target / "held_out_relations" / "test.jsonl", questions(relations, held_out=True))


def write(path: Path, records: list[dict[str, object]]) -> None:
    """Write JSON Lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--output", type=Path, default=TARGET)
    build(parser.parse_args().output)
