"""Loss and gradients of one batch, in as many processes as there are; run by test_distributed.py.

python -m torch.distributed.run --standalone --nproc-per-node 4 -m tests.training.several_processes ENCODER OUTPUT
"""

import json
import sys

import numpy as np
import torch
from torch.nn.parallel import DistributedDataParallel

from st_relbert import RelBERT
from st_relbert.data import RelationSet
from st_relbert.losses import (
    CachedInfoNCELoss,
    ClassificationHead,
    InfoNCELoss,
    RelationTripletLoss,
    RelBERTTripletLoss,
)
from st_relbert.training import RelationBatchSampler

CASES = {
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


def run(encoder):
    """Loss and gradients of each loss, over this process's share of a batch."""
    relations = RelationSet.load("starter")
    dataset, world = relations.dataset(), torch.distributed.get_world_size()
    sampler = RelationBatchSampler(dataset, relations_per_batch=6, pairs_per_relation=3, negatives_per_relation=1)
    assert sampler.processes == world
    rows = [share for share, _ in zip(sampler, range(world), strict=False)][torch.distributed.get_rank()]
    pairs, labels = dataset[rows]["pair"], torch.tensor(dataset[rows]["label"])
    if torch.distributed.get_rank() == 0:  # a pair of both shares, padded to different widths, is known to be one
        pairs, labels = [*pairs, ("a very long pair of many words", "b")], torch.cat([labels, torch.tensor([0])])
    pairs, labels = [*pairs, ("one", "two")], torch.cat([labels, torch.tensor([torch.distributed.get_rank()])])
    results = {}
    for name, make in CASES.items():
        model = RelBERT(encoder, template="short").double().eval()
        loss_fn = make(DistributedDataParallel(model, find_unused_parameters=True), parents=relations.parents)
        loss = loss_fn([model.preprocess(pairs)], labels)
        loss.backward()
        weights = [*model.parameters(), *(loss_fn.classification_head or torch.nn.Module()).parameters()]
        results[name] = {"loss": loss.item(), "gradients": [w.grad.tolist() for w in weights if w.grad is not None]}
    everything = [None] * world
    torch.distributed.all_gather_object(everything, (list(rows), pairs, labels.tolist(), results))
    return everything


if __name__ == "__main__":
    torch.distributed.init_process_group("gloo")
    gathered = run(sys.argv[1])
    if torch.distributed.get_rank() == 0:
        with open(sys.argv[2], "w") as file:
            json.dump(gathered, file, default=np.ndarray.tolist)
    torch.distributed.destroy_process_group()
