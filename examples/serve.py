"""Serve relation vectors over HTTP, in one file.

    pip install fastapi uvicorn
    RELBERT_MODEL=relbert-nce uvicorn --app-dir examples serve:app

    curl localhost:8000/embed -H 'content-type: application/json' -d '{"pairs": [["Tokyo", "Japan"]]}'

One process holds one model and answers one request at a time. For more, run several behind a load balancer.
"""

import os
from threading import Lock
from typing import Annotated

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel, Field

from st_relbert import RelBERT

MOST_PAIRS = 1024  # in one request

app = FastAPI(title="Relation embeddings")
model = RelBERT(os.environ.get("RELBERT_MODEL", "relbert-nce"), fast=True)
lock = Lock()


class Pairs(BaseModel):
    """The pairs to embed."""

    pairs: Annotated[list[tuple[str, str]], Field(min_length=1, max_length=MOST_PAIRS)]


class Vectors(BaseModel):
    """One vector per pair, in the same order."""

    vectors: list[list[float]]


@app.post("/embed")
def embed(request: Pairs) -> Vectors:
    """Embed pairs. The status is 422 if one of them is not valid, for example if a word is empty."""
    try:
        with lock:
            vectors = model.encode(request.pairs, show_progress_bar=False)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return Vectors(vectors=vectors.tolist())


@app.get("/health")
def health() -> dict[str, str]:
    """Report that the model is loaded."""
    return {"model": str(model.template)}
