"""``st-relbert map``: see the relation space of a model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from st_relbert.data.relation_set import RelationSet
    from st_relbert.see import RelationMap

_LISTED = 10


def add_parser(commands: Any) -> None:
    """Add the command to the parser."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "map",
        help="see the relation space of a model",
        description="Draw the pairs of relation sets in the plane, so that pairs that the model takes to be related in "
        "the same way are near each other: a page that opens offline, and pictures of the map and of the confusion of "
        "relations. Clusters and confused relations are listed.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("model", help="a saved model, a published checkpoint or an encoder: hub id or folder")
    parser.add_argument(
        "relations",
        nargs="+",
        metavar="SET",
        help='relation sets, as `train` takes them: JSON Lines files, folders, hub ids, or "starter" (shipped); '
        "relations of the same name are put together",
    )
    parser.add_argument(
        "--output", required=True, metavar="FILE.html", help="page to write; FILE.png and FILE.confusion.png go beside"
    )
    parser.add_argument("--no-png", action="store_true", help="write the page alone")
    parser.add_argument(
        "--colour", choices=["relation", "parent"], help="what to colour by; by default the parent, if there is one"
    )
    parser.add_argument("--method", choices=["tsne", "umap"], default="tsne", help="umap: pip install umap-learn")
    parser.add_argument("--max-pairs", type=int, default=5000, metavar="N", help="draw N pairs, of all relations alike")
    parser.add_argument("--seed", type=int, default=0, help="decides which pairs are drawn, and the layout")
    parser.add_argument("--template", help="prompt template, for an encoder that RelBERT has not trained")
    parser.add_argument("--pooling", help="pooling, for an encoder that RelBERT has not trained")
    parser.add_argument("--batch-size", type=int, default=64, help="pairs embedded at a time")
    parser.add_argument("--overwrite", action="store_true", help="replace what is at the output")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Run the command.

    Raises:
        ValueError: If the model, a relation set or the output are unusable, or UMAP is not installed.
        MissingExtraError: If Matplotlib is not installed.
    """
    from st_relbert import RelBERT
    from st_relbert.files.outputs import check_output
    from st_relbert.see import RelationMap
    from st_relbert.see.layout import check_method
    from st_relbert.see.map import group_names
    from st_relbert.see.picture import check_matplotlib

    paths = _paths(args.output)[: 1 if args.no_png else None]
    for path in paths:
        check_output(path, args.overwrite)
    if not args.no_png:
        check_matplotlib()
    check_method(args.method)
    relations, total = _load(args.relations, args.max_pairs, args.seed)
    group_names(relations, args.colour)
    relation_map = RelationMap.build(
        RelBERT(args.model, template=args.template, pooling=args.pooling),
        relations,
        colour=args.colour,
        method=args.method,
        seed=args.seed,
        title=f"{Path(args.model).name}: pairs of {', '.join(Path(name).name for name in args.relations)}",
        batch_size=args.batch_size,
        show_progress_bar=not args.quiet,
    )
    _write(relation_map, paths)
    sys.stdout.write(report(relation_map))
    if len(relation_map.pairs) < total:
        sys.stdout.write(f"Drew {len(relation_map.pairs):,} of {total:,} pairs (--max-pairs, seed {args.seed}).\n")
    sys.stdout.write(f"Saved {', '.join(map(str, paths))}\n")


def report(relation_map: RelationMap) -> str:
    """Lay out the largest clusters and the most confused relations."""
    clusters, confusion = relation_map.clusters, relation_map.confusion
    inside = sum(len(cluster.rows) for cluster in clusters)
    lines = [
        f"{len(relation_map.pairs):,} pairs of {len(confusion.names):,} relations; {inside:,} pairs in "
        f"{len(clusters):,} clusters{f', the largest {_LISTED}' if len(clusters) > _LISTED else ''}"
    ]
    if clusters:
        width = max(len(cluster.relation) for cluster in clusters[:_LISTED])
        lines.append(f"pairs  {'most are':<{width}}  of them  nearest to the centre")
    for cluster in clusters[:_LISTED]:
        pairs = ", ".join(" : ".join(relation_map.pairs[row]) for row in cluster.rows[:3])
        lines.append(f"{len(cluster.rows):>5,}  {cluster.relation:<{width}}  {cluster.purity:>7.0%}  {pairs}")
    lines.append(f"\nNearest to the prototype of their own relation: {confusion.accuracy:.1%} of pairs. Most confused:")
    lines += [f"{share:>5.0%} of {true} with {nearest}" for true, nearest, share in confusion.most_confused(5)]
    return "\n".join(lines) + "\n\n"


def _paths(output: str) -> list[Path]:
    page = Path(output)
    if page.suffix != ".html":
        raise ValueError(f"The output is {output!r}, expected a name that ends in .html.")
    return [page, page.with_suffix(".png"), page.with_suffix(".confusion.png")]


def _load(names: list[str], max_pairs: int, seed: int) -> tuple[RelationSet, int]:
    """The relations of all sets with some of their pairs, and how many pairs there are in all."""
    from st_relbert.data.relation_set import RelationSet
    from st_relbert.see import sample_pairs

    records = [
        {"relation_type": relation, "positives": pairs}
        for relations in map(RelationSet.load, names)
        for relation, pairs in relations.positives.items()
    ]
    relations = RelationSet.from_records(records)
    total = sum(map(len, relations.positives.values()))
    drawn = sample_pairs(relations.positives, max_pairs, seed)
    return RelationSet(drawn, {relation: [] for relation in drawn}), total


def _write(relation_map: RelationMap, paths: list[Path]) -> None:
    from st_relbert.files.outputs import atomic_output
    from st_relbert.see import render_html
    from st_relbert.see.picture import draw_confusion, draw_map, save_picture

    page, *pictures = paths
    with atomic_output(page) as temporary:
        temporary.write_text(render_html(relation_map), encoding="utf-8")
    for path, draw in zip(pictures, (draw_map, draw_confusion), strict=False):
        with atomic_output(path) as temporary:
            save_picture(draw(relation_map), temporary)
