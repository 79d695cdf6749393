from functools import partial

import pytest

from st_relbert.training import TrainingRun


@pytest.fixture
def tiny_run(encoders, tmp_path):
    """A run of a tiny encoder on the starter relations; a test's own settings override these."""
    return partial(
        TrainingRun,
        base_model=encoders["wordpiece"],
        train_data="starter",
        output=str(tmp_path / "model"),
        template="short",
    )
