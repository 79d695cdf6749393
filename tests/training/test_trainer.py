"""RelBERT, its loss and its sampler in sentence-transformers' own trainer."""

from functools import partial

import numpy as np
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments

from st_relbert import RelBERT
from st_relbert.evaluation import AnalogyEvaluator, load_questions
from st_relbert.losses import InfoNCELoss
from st_relbert.training import RelationBatchSampler, load_relations

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
    # A checkpoint is in the portable layout as well.
    np.testing.assert_allclose(model.encode(PAIRS), SentenceTransformer(best).encode(PAIRS), atol=1e-5)


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
    recomputed = trained(encoders["wordpiece"], tmp_path / "1", activation_checkpointing=True)
    np.testing.assert_allclose(recomputed, plain, atol=1e-5)


def test_bfloat16_trains_much_the_same(encoders, tmp_path):
    full, half = (trained(encoders["wordpiece"], tmp_path / str(bf16), bf16=bf16) for bf16 in (False, True))
    assert half.dtype == np.float32 and not np.array_equal(half, full)
    np.testing.assert_allclose(half, full, atol=0.05)


def test_a_plain_sentence_transformer_of_our_layout_can_be_trained_on(encoders, tmp_path):
    RelBERT(encoders["wordpiece"], template="short").save_pretrained(str(tmp_path / "model"))
    plain = SentenceTransformer(str(tmp_path / "model"))
    before = plain.encode(PAIRS)
    trainer_of(plain, tmp_path / "run", max_steps=3).train()
    assert not np.allclose(plain.encode(PAIRS), before, atol=1e-3)
    plain.save_pretrained(str(tmp_path / "trained"))
    np.testing.assert_allclose(RelBERT(str(tmp_path / "trained")).encode(PAIRS), plain.encode(PAIRS), atol=1e-5)
