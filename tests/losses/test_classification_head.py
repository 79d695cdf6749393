import torch

from st_relbert.losses import ClassificationHead, InfoNCELoss


def test_it_scores_both_vectors_and_their_difference():
    torch.manual_seed(0)
    head, anchors, others = ClassificationHead(4), torch.randn(3, 4), torch.randn(5, 4)
    logits = head(anchors[:, None], others[None])
    assert logits.shape == (3, 5)
    for i, anchor in enumerate(anchors):
        for j, other in enumerate(others):
            features = torch.cat([anchor, other, (anchor - other).abs()])
            torch.testing.assert_close(logits[i, j], head.linear(features)[0])


def test_its_loss_is_the_mean_over_the_pairs_of_each_anchor():
    torch.manual_seed(0)
    embeddings, labels = torch.randn(6, 4), torch.tensor([0, 0, 1, 1, 1, -1])
    head = ClassificationHead(4)
    for reduction, divisor in (("sum", 1), ("mean", 5)):
        with_head, without = (
            InfoNCELoss(None, reduction=reduction, classification_head=module).compute_loss_from_embeddings(
                embeddings, labels
            )
            for module in (head, None)
        )
        expected = sum(
            torch.nn.functional.binary_cross_entropy_with_logits(head(row, embeddings), (labels == label).float())
            for row, label in zip(embeddings, labels, strict=True)
            if label >= 0
        )
        torch.testing.assert_close(with_head - without, expected / divisor)


def test_known_false_negatives_are_not_classified():
    torch.manual_seed(0)
    embeddings, labels = torch.randn(4, 4), torch.tensor([0, 0, 1, 1])
    head = ClassificationHead(4)
    values = [
        InfoNCELoss(None, classification_head=module).compute_loss_from_embeddings(
            embeddings, labels, torch.tensor([0, 1, 0, 2])
        )
        for module in (head, None)
    ]
    compared = [(0, (0, 1, 3)), (1, (0, 1, 3)), (2, (1, 2, 3)), (3, (1, 2, 3))]
    expected = 0
    for anchor, others in compared:
        logits = head(embeddings[anchor], embeddings[list(others)])
        targets = (labels[list(others)] == labels[anchor]).float()
        expected += torch.nn.functional.binary_cross_entropy_with_logits(logits, targets)
    torch.testing.assert_close(values[0] - values[1], expected / 4)


def test_it_is_trained_with_the_model():
    torch.manual_seed(0)
    loss_fn = InfoNCELoss(None, classification_head=ClassificationHead(4))
    loss_fn.compute_loss_from_embeddings(torch.randn(4, 4), torch.tensor([0, 0, 1, 1])).backward()
    assert loss_fn.classification_head.linear.weight.grad.abs().sum() > 0
    assert loss_fn.get_config_dict()["classification_head"] is True
