"""Train on your own relations: read a file of labelled pairs, train a model, and test what it learned.

    python examples/own_relations.py --base-model bert-base-cased

In this example, "your own" relations are four that the script writes. Their last pairs are kept for the questions.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.evaluation import AnalogyEvaluator
from st_relbert.training import TrainingRun, validation_questions

RELATIONS = {
    "produces": """cow milk, hen egg, bee honey, sheep wool, spider silk, goose down, maple syrup, vine grape,
        oyster pearl, palm coconut, wheat flour, silkworm cocoon""",
    "keeps in": """wallet money, quiver arrow, vase flower, purse coin, garage car, hangar plane, stable horse,
        kennel dog, aquarium fish, library book, pantry food, wardrobe coat""",
    "protects": """helmet head, glove hand, boot foot, thimble finger, goggles eye, mask face, scarf neck,
        apron clothes, umbrella rain, fence garden, lid pot, sheath knife""",
    "measures": """thermometer temperature, clock time, ruler length, scale weight, barometer pressure,
        compass direction, speedometer speed, odometer distance, ammeter current, altimeter altitude,
        hygrometer humidity, tachometer revolutions""",
}
KEPT = 4  # pairs of each relation that training does not see


def write_relations(path: Path, first: int | None, last: int | None) -> None:
    """Write one relation per line, with some of its pairs."""
    with open(path, "w", encoding="utf-8") as file:
        for name, text in RELATIONS.items():
            pairs = [pair.split() for pair in text.split(",")][first:last]
            file.write(json.dumps({"relation_type": name, "positives": pairs, "negatives": []}) + "\n")


def main(arguments: list[str] | None = None) -> None:
    """Train and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--base-model", required=True, help="any encoder: hub id or folder")
    parser.add_argument("--output", default="own-relations", help="folder for the data and the model")
    args = parser.parse_args(arguments)
    folder = Path(args.output)
    folder.mkdir(parents=True, exist_ok=True)
    write_relations(folder / "train.jsonl", None, -KEPT)
    write_relations(folder / "kept.jsonl", -KEPT, None)

    questions = validation_questions(RelationSet.load(str(folder / "kept.jsonl")))
    evaluator = AnalogyEvaluator(questions, "kept")
    before = evaluator(RelBERT(args.base_model, template="short"))["kept_accuracy"]
    run = TrainingRun(
        base_model=args.base_model,
        train_data=str(folder / "train.jsonl"),
        output=str(folder / "model"),
        template="short",
        relations_per_batch=4,
        pairs_per_relation=8,
        negatives_per_relation=0,
        learning_rate=5e-5,
        max_steps=20,
    )
    after = evaluator(run.train(overwrite=True))["kept_accuracy"]
    print(f"Accuracy on {len(questions)} questions about pairs that training did not see: {before:.0%} -> {after:.0%}")


if __name__ == "__main__":
    main()
