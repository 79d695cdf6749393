"""The program that test_distributed.py runs in each of several processes, and once in a single one."""

import torch
from sentence_transformers.util.distributed import distributed_evaluation
from sklearn.linear_model import LogisticRegression
from torch.nn.parallel import DistributedDataParallel

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.evaluation import (
    AnalogyEvaluator,
    RelationalSimilarityEvaluator,
    RelationClassificationEvaluator,
    RelationMappingEvaluator,
)
from st_relbert.losses import (
    CachedInfoNCELoss,
    ClassificationHead,
    InfoNCELoss,
    RelationTripletLoss,
    RelBERTTripletLoss,
)
from st_relbert.training import RelationBatchSampler, validation_questions
from tests.evaluation.test_similarity import MAXDIFF, RATINGS

LOSSES = {
    "info_nce": lambda model, **shared: InfoNCELoss(model, **shared),
    "sum": lambda model, **shared: InfoNCELoss(model, reduction="sum", **shared),
    "first": lambda model, **shared: InfoNCELoss(model, anchors="first", **shared),
    "head": lambda model, **shared: InfoNCELoss(model, classification_head=head(), **shared),
    "cached": lambda model, **shared: CachedInfoNCELoss(model, mini_batch_size=5, **shared),
    "triplet": lambda model, **shared: RelationTripletLoss(model, **shared),
    "relbert_triplet": lambda model, **shared: RelBERTTripletLoss(model, margin=0.01, **shared),
}


def head():
    torch.manual_seed(0)
    return ClassificationHead(16).double()


def share_of_a_batch():
    """The rows of this process, and their pairs and labels."""
    dataset = RelationSet.load("starter").dataset()
    rank, world = torch.distributed.get_rank(), torch.distributed.get_world_size()
    sampler = RelationBatchSampler(dataset, relations_per_batch=6, pairs_per_relation=3, negatives_per_relation=1)
    assert sampler.processes == world
    rows = [share for share, _ in zip(sampler, range(world), strict=False)][rank]
    pairs, labels = dataset[rows]["pair"], list(dataset[rows]["label"])
    if rank == 0:  # a pair that both processes have is recognised, although its prompts are padded to different widths
        pairs, labels = [*pairs, ("a very long pair of many words", "b")], [*labels, 0]
    return rows, [*pairs, ("one", "two")], [*labels, rank]


def losses_of_a_share(encoder):
    """This process's share of a batch, and the value and gradients of each loss over the whole batch."""
    rows, pairs, labels = share_of_a_batch()
    results = {
        name: loss_and_gradients(encoder, make, pairs, labels, DistributedDataParallel) for name, make in LOSSES.items()
    }
    return rows, pairs, labels, results


def loss_and_gradients(encoder, make, pairs, labels, wrapped=lambda model, **_: model):
    """The value of one loss, and the gradients of all weights that it has."""
    model = RelBERT(encoder, template="short").double().eval()
    loss_fn = make(wrapped(model, find_unused_parameters=True), parents=RelationSet.load("starter").parents)
    loss = loss_fn([model.preprocess(pairs)], torch.tensor(labels))
    loss.backward()
    weights = [*model.parameters(), *(loss_fn.classification_head or torch.nn.Module()).parameters()]
    return loss.item(), [weight.grad.numpy() for weight in weights if weight.grad is not None]


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


def figures_and_work(model_path):
    """The figures of each evaluator, only in the first process, and the number of pairs that this process embedded."""
    model = RelBERT(model_path)
    embedded = []
    embed = model._inference
    model._inference = lambda inputs, **kwargs: embedded.append(len(inputs)) or embed(inputs, **kwargs)
    with distributed_evaluation(model) as first:
        figures = [evaluator(model) for evaluator in evaluators()] if first else None
    return figures, sum(embedded)
