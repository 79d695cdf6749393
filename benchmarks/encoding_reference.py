"""The relbert library's encoding, in an environment of its own: reads JSON lines of pairs, writes seconds."""

import json
import sys
import time

import relbert.lm

relbert.lm.internet_connection = lambda: False  # it would ask a search engine


def main() -> None:
    """First line: encoder, template and batch size; each further line: pairs to encode."""
    encoder, template, batch_size = json.loads(sys.stdin.readline())
    model = relbert.lm.RelBERT(encoder, max_length=64, template=template)
    for line in sys.stdin:
        pairs = [tuple(pair) for pair in json.loads(line)]
        started = time.perf_counter()
        model.get_embedding(pairs, batch_size=batch_size)
        sys.stdout.write(f"seconds {time.perf_counter() - started}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
