"""RelBERT, its loss and its sampler in sentence-transformers' own trainer."""

import copy
from functools import partial

import numpy as np
import pytest
import torch
from sentence_transformers import (
    InputExample,
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.sentence_transformer.losses import MatryoshkaLoss
from torch.utils.data import DataLoader

from st_relbert import RelBERT
from st_relbert.data import RelationSet, load_relations
from st_relbert.evaluation import AnalogyEvaluator, load_questions
from st_relbert.losses import ClassificationHead, InfoNCELoss
from st_relbert.modules import PromptTemplate, RelationPooling
from st_relbert.training import RelationBatchSampler, RelationTrainer

PAIRS = [("Tokyo", "Japan"), ("finger", "hand")]


def trainer_of(model, folder, **kwargs):
    args = SentenceTransformerTrainingArguments(
        output_dir=str(folder),
        learning_rate=1e-3,
        batch_sampler=partial(RelationBatchSampler, relations_per_batch=8),
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        logging_steps=1,
        **kwargs,
    )
    evaluator = AnalogyEvaluator(load_questions("starter/held_out_pairs")[:40], "pairs")
    return SentenceTransformerTrainer(
        model=model, args=args, train_dataset=load_relations("starter"), loss=InfoNCELoss(model), evaluator=evaluator
    )


def test_the_trainer_resumes_from_its_checkpoint(encoders, tmp_path):
    straight = RelBERT(encoders["wordpiece"], template="short")
    trainer_of(straight, tmp_path / "straight", max_steps=6, save_steps=3).train()
    resumed = RelBERT(encoders["wordpiece"], template="short")
    trainer_of(resumed, tmp_path / "resumed", max_steps=6, save_steps=3).train(
        resume_from_checkpoint=str(tmp_path / "straight" / "checkpoint-3")
    )
    np.testing.assert_allclose(resumed.encode(PAIRS), straight.encode(PAIRS), atol=1e-5)


def test_the_trainer_loads_the_best_checkpoint(encoders, tmp_path):
    model = RelBERT(encoders["wordpiece"], template="short")
    trainer = trainer_of(
        model,
        tmp_path,
        max_steps=4,
        save_steps=1,
        eval_strategy="steps",
        eval_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model="pairs_accuracy",
        greater_is_better=True,
    )
    trainer.train()
    best = trainer.state.best_model_checkpoint
    assert best is not None
    np.testing.assert_allclose(model.encode(PAIRS), RelBERT(best).encode(PAIRS), atol=1e-6)
    # Checkpoints have the portable layout too.
    np.testing.assert_allclose(model.encode(PAIRS), SentenceTransformer(best).encode(PAIRS), atol=1e-5)


@pytest.mark.parametrize("trailing", [[Normalize()], [Dense(16, 4)], [Dense(16, 8), Normalize()]])
def test_the_best_checkpoint_is_loaded_with_the_modules_after_the_pooling(encoders, tmp_path, monkeypatch, trailing):
    """Their trained weights are loaded too. An evaluator that counts backwards makes an early step the best."""
    prompt = PromptTemplate(encoders["wordpiece"], template="short")
    model = RelBERT(modules=[prompt, RelationPooling(16), *copy.deepcopy(trailing)])
    steps = []

    def first_is_best(self, model, *args, **kwargs):
        steps.append({name: weight.clone() for name, weight in model.state_dict().items()})
        return {"pairs_accuracy": -len(steps)}

    monkeypatch.setattr(AnalogyEvaluator, "__call__", first_is_best)
    trainer = trainer_of(
        model,
        tmp_path,
        max_steps=3,
        save_steps=1,
        eval_strategy="steps",
        eval_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model="eval_pairs_accuracy",
        greater_is_better=True,
    )
    trainer.train()
    assert trainer.state.best_model_checkpoint.endswith("checkpoint-1")
    loaded = model.state_dict()
    assert len(steps) == 3 and loaded.keys() == steps[0].keys()
    for name, weight in steps[0].items():
        torch.testing.assert_close(loaded[name], weight)
    trained_names = [name for name in loaded if not torch.equal(loaded[name], steps[2][name])]
    assert any("linear" in name for name in trained_names) == any(isinstance(module, Dense) for module in trailing)
    for kind in (RelBERT, SentenceTransformer):
        best = kind(trainer.state.best_model_checkpoint)
        np.testing.assert_allclose(best.encode(PAIRS), model.encode(PAIRS), atol=1e-5)
        assert [type(module) for module in best][2:] == [type(module) for module in trailing] or kind is not RelBERT


def trained(encoder, folder, **kwargs):
    """The vectors of a model after a few steps."""
    model = RelBERT(encoder, template="short")
    trainer_of(model, folder, max_steps=3, **kwargs).train()
    return model.encode(PAIRS)


def test_the_number_of_data_workers_changes_nothing(encoders, tmp_path):
    alone = trained(encoders["wordpiece"], tmp_path / "0")
    assert np.array_equal(trained(encoders["wordpiece"], tmp_path / "2", dataloader_num_workers=2), alone)


def test_recomputed_activations_change_nothing(encoders, tmp_path):
    plain = trained(encoders["wordpiece"], tmp_path / "0")
    known = SentenceTransformerTrainingArguments.__dataclass_fields__
    name = "activation_checkpointing" if "activation_checkpointing" in known else "gradient_checkpointing"
    recomputed = trained(encoders["wordpiece"], tmp_path / "1", **{name: True})
    np.testing.assert_allclose(recomputed, plain, atol=1e-5)


def test_bfloat16_trains_much_the_same(encoders, tmp_path):
    full, half = (trained(encoders["wordpiece"], tmp_path / str(bf16), bf16=bf16) for bf16 in (False, True))
    assert half.dtype == np.float32 and not np.array_equal(half, full)
    np.testing.assert_allclose(half, full, atol=0.05)


def test_a_portable_model_can_be_trained_in_plain_sentence_transformers(encoders, tmp_path):
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(tmp_path / "model"))
    plain = SentenceTransformer(str(tmp_path / "model"))
    before = plain.encode(PAIRS)
    trainer_of(plain, tmp_path / "run", max_steps=3).train()
    assert not np.allclose(plain.encode(PAIRS), before, atol=1e-3)
    plain.save_pretrained(str(tmp_path / "trained"))
    np.testing.assert_allclose(RelBERT(str(tmp_path / "trained")).encode(PAIRS), plain.encode(PAIRS), atol=1e-5)


def test_lora_trains_only_the_adapter_and_loads_again(encoders, tmp_path):
    """This uses sentence-transformers' own PEFT support. The folder contains the adapter and names the encoder."""
    peft = pytest.importorskip("peft", reason="needs pip install peft")
    model = RelBERT(encoders["wordpiece"], template="short", pooling="average")
    model.add_adapter(peft.LoraConfig(task_type="FEATURE_EXTRACTION", r=4, target_modules=["query", "value"]))
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    trainer_of(model, tmp_path / "run", max_steps=3).train()
    changed = {name for name, weight in model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed and all("lora_" in name for name in changed)

    folder = tmp_path / "adapter"
    model.save_pretrained(str(folder))
    assert (folder / "adapter_model.safetensors").is_file() and not (folder / "model.safetensors").exists()
    read = RelBERT(str(folder))
    assert (read.template, read.pooling) == (model.template, "average")
    np.testing.assert_allclose(read.encode(PAIRS), model.encode(PAIRS), atol=1e-6)
    np.testing.assert_allclose(SentenceTransformer(str(folder)).encode(PAIRS), model.encode(PAIRS), atol=1e-5)


@pytest.mark.parametrize("kind", [RelBERT, SentenceTransformer])
def test_the_older_fit_trains_with_our_losses_and_data(encoders, tmp_path, monkeypatch, kind):
    """`model.fit(train_objectives=[(loader, loss)])`, from before the trainer, makes its own random batches."""
    monkeypatch.chdir(tmp_path)  # the trainer writes its checkpoints here
    RelBERT(encoders["wordpiece"], template="short").save_pretrained("model")
    model = kind("model")
    records = [
        {"relation_type": tail, "positives": [[head, tail] for head in "abcdefgh"], "negatives": [["a", "b"]]}
        for tail in ("Japan", "hand", "France", "finger")
    ]
    dataset = RelationSet.from_records(records).dataset()
    examples = [InputExample(texts=[tuple(row["pair"])], label=row["label"]) for row in dataset]
    loss = InfoNCELoss(model)

    def value():
        embeddings = torch.tensor(model.encode(dataset["pair"]))
        return loss.compute_loss_from_embeddings(embeddings, torch.tensor(dataset["label"])).item()

    before = value()
    loader = DataLoader(examples, shuffle=True, batch_size=18)
    model.fit(
        [(loader, loss)],
        epochs=10,
        warmup_steps=1,
        optimizer_params={"lr": 1e-2},
        show_progress_bar=False,
        output_path="fitted",
    )
    assert value() < 0.8 * before
    fitted = RelBERT("fitted")
    np.testing.assert_allclose(fitted.encode(PAIRS), model.encode(PAIRS), atol=1e-5)
    assert "Tokyo" in (tmp_path / "fitted" / "README.md").read_text(encoding="utf-8")


def test_only_one_process_writes_a_checkpoint(encoders, tmp_path, monkeypatch):
    model = RelBERT(encoders["wordpiece"], template="short")
    args = SentenceTransformerTrainingArguments(output_dir=str(tmp_path), report_to="none", use_cpu=True)
    relations = RelationSet.load("starter")
    trainer = RelationTrainer(
        model=model,
        args=args,
        train_dataset=relations.dataset(),
        loss=InfoNCELoss(model, classification_head=ClassificationHead(model.get_embedding_dimension())),
        relation_names=relations.names,
    )
    with monkeypatch.context() as patch:
        patch.setattr(type(args), "should_save", False)  # as in every process except the first
        trainer.save_model(str(tmp_path / "other"))
    trainer.save_model(str(tmp_path / "first"))
    assert not (tmp_path / "other").exists()
    assert (tmp_path / "first" / "model.safetensors").exists()


@pytest.mark.parametrize("wrap", [lambda model, loss: loss, partial(MatryoshkaLoss, matryoshka_dims=[16])])
def test_the_head_is_saved_and_resumed_with_a_checkpoint(encoders, tmp_path, wrap):
    def trainer_with_head(folder):
        model = RelBERT(encoders["wordpiece"], template="short")
        loss = wrap(model, InfoNCELoss(model, classification_head=ClassificationHead(16)))
        plain = trainer_of(model, folder, max_steps=6, save_steps=3)
        return RelationTrainer(
            model=model,
            args=plain.args,
            train_dataset=plain.train_dataset,
            loss=loss,
            relation_names=RelationSet.load("starter").names,
        )

    straight, resumed = (trainer_with_head(tmp_path / name) for name in ("straight", "resumed"))
    (head,) = (module for module in straight.relation_loss.modules() if isinstance(module, ClassificationHead))
    start = head.linear.weight.detach().clone()
    straight.train()
    assert not torch.equal(head.linear.weight, start)
    resumed.train(resume_from_checkpoint=str(tmp_path / "straight" / "checkpoint-3"))
    for ours, theirs in zip(resumed.relation_loss.parameters(), straight.relation_loss.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
