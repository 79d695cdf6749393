"""Figures of the evaluators, in as many processes as there are; run by test_distributed.py.

python -m torch.distributed.run --standalone --nproc-per-node 2 -m tests.training.evaluating_processes MODEL OUTPUT
"""

import json
import sys

import torch
from sentence_transformers.util.distributed import distributed_evaluation
from sklearn.linear_model import LogisticRegression

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.evaluation import (
    AnalogyEvaluator,
    RelationalSimilarityEvaluator,
    RelationClassificationEvaluator,
    RelationMappingEvaluator,
)
from st_relbert.training import validation_questions
from tests.evaluation.test_similarity import MAXDIFF, RATINGS


def evaluators():
    """One of each kind."""
    relations = RelationSet.load("starter", "validation")
    labelled = [
        {"head": head, "tail": tail, "relation": name}
        for name in relations.names[:5]
        for head, tail in relations.positives[name]
    ]
    problem = {"source": ["sun", "planet", "gas"], "target": ["nucleus", "electron", "charge"]}
    return [
        AnalogyEvaluator(validation_questions(relations)),
        RelationClassificationEvaluator(labelled[::2], labelled[1::2], classifier=LogisticRegression()),
        RelationMappingEvaluator([{**problem, "target_random": ["electron", "charge", "nucleus"]}]),
        RelationalSimilarityEvaluator(RATINGS, MAXDIFF),
    ]


def figures(model):
    """The figures of each evaluator, in the first process."""
    with distributed_evaluation(model) as first:
        return [evaluator(model) for evaluator in evaluators()] if first else None


if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    model = RelBERT(sys.argv[1])
    embedded = []
    embed = model._inference
    model._inference = lambda inputs, **kwargs: embedded.append(len(inputs)) or embed(inputs, **kwargs)
    found = figures(model)
    counts = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(counts, sum(embedded))
    if found is not None:
        with open(sys.argv[2], "w") as file:
            json.dump({"figures": found, "embedded": counts}, file)
    torch.distributed.destroy_process_group()
