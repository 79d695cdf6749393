"""`st-relbert app` and `map`: explore an index, and draw the relation space of a model."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from st_relbert.cli import options
from st_relbert.cli.output import percent, say, show
from st_relbert.environment import import_extra
from st_relbert.pairs import check_seed, counted

if TYPE_CHECKING:
    from st_relbert.data.relation_set import RelationSet
    from st_relbert.see import RelationMap

_LISTED = 10


def open_page(
    index: options.Index,
    model: options.IndexModel = None,
    host: Annotated[
        str,
        typer.Option(help="address to listen on (127.0.0.1: this machine only; 0.0.0.0: all that can reach it)"),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="port to listen on; 0: any free port")] = 7860,
    quiet: options.Quiet = False,
) -> None:
    r"""Explore an index in a local web page.

    Type a pair to see similar pairs, the completion of a third word, and the relation. Ctrl-C stops it. Needs pip
    install st-relbert\[search,app].
    """
    from st_relbert.search import RelationIndex
    from st_relbert.see.app import build_page, listen, make_server
    from st_relbert.see.views import Explorer

    opened = RelationIndex.open(index, model)
    import_extra("gradio", "app")  # before the words are encoded, which takes a while
    with listen(host, port) as listener:
        server = make_server(build_page(Explorer(opened, show_progress_bar=not quiet)), host)
        shown = f"[{host}]" if ":" in host else host
        say(f"{opened.path} is at http://{shown}:{listener.getsockname()[1]} (Ctrl-C to stop)")
        # The server has closed its connections by the time that Ctrl-C gets here.
        with suppress(KeyboardInterrupt):
            server.run(sockets=[listener])


def make_map(
    model: options.Model,
    relations: Annotated[
        list[str],
        typer.Argument(metavar="SET...", help=f"{options.SETS_HELP}; relations with the same name are merged"),
    ],
    output: Annotated[
        str, typer.Option(metavar="FILE.html", help="page to write; FILE.png and FILE.confusion.png go next to it")
    ],
    no_png: Annotated[bool, typer.Option("--no-png", help="write only the page")] = False,
    colour: Annotated[
        Literal["relation", "parent"] | None,
        typer.Option(help="what to colour by; default: the parent, if there is one"),
    ] = None,
    method: Annotated[Literal["tsne", "umap"], typer.Option(help="umap: pip install umap-learn")] = "tsne",
    max_pairs: Annotated[int, typer.Option(metavar="N", help="draw at most N pairs, evenly from all relations")] = 5000,
    seed: Annotated[int, typer.Option(help="random seed of the sample and the layout")] = 0,
    template: options.Template = None,
    pooling: options.Pooling = None,
    batch_size: options.BatchSize = 64,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Draw the relation space of a model.

    Pairs whose relations the model finds similar are near each other. Writes a page that works offline, and images of
    the map and of the confusion matrix of relations. Lists clusters and confused relations.
    """
    from st_relbert import RelBERT
    from st_relbert.files.outputs import check_output
    from st_relbert.see import RelationMap
    from st_relbert.see.layout import check_method
    from st_relbert.see.map import group_names
    from st_relbert.see.picture import check_matplotlib

    page = Path(output)
    check_output(page, overwrite, suffixes=(".html",))
    pictures = [] if no_png else [page.with_suffix(".png"), page.with_suffix(".confusion.png")]
    for picture in pictures:
        check_output(picture, overwrite)
    if pictures:
        check_matplotlib()
    check_method(method)
    check_seed(seed)
    drawn, total = _load(relations, max_pairs, seed)
    group_names(drawn, colour)
    sets = ", ".join(Path(name).name for name in relations)
    relation_map = RelationMap.build(
        RelBERT(model, template=template, pooling=pooling),  # type: ignore[arg-type]  # it checks them
        drawn,
        colour=colour,
        method=method,
        seed=seed,
        title=f"Word pairs by their relation, as {Path(model).name} sees them ({sets})",
        batch_size=batch_size,
        show_progress_bar=not quiet,
    )
    _write(relation_map, page, pictures)
    _show(relation_map)
    if len(relation_map.pairs) < total:
        say(f"Drew {len(relation_map.pairs):,} of {total:,} pairs (--max-pairs, seed {seed}).")
    say(f"Saved {', '.join(map(str, [page, *pictures]))}")


def _show(relation_map: RelationMap) -> None:
    """Print the largest clusters and the most confused relations."""
    clusters, confusion = relation_map.clusters, relation_map.confusion
    inside = sum(len(cluster.rows) for cluster in clusters)
    say(
        f"{counted(len(relation_map.pairs), 'pair')} of {counted(len(confusion.names), 'relation')}; {inside:,} of "
        f"them in {counted(len(clusters), 'cluster')}{f', the largest {_LISTED}' if len(clusters) > _LISTED else ''}"
    )
    if clusters:
        show(
            [
                {
                    "pairs": len(cluster.rows),
                    "most are": cluster.relation,
                    "of them": f"{cluster.purity:.0%}",
                    "nearest to the centre": ", ".join(" : ".join(relation_map.pairs[row]) for row in cluster.rows[:3]),
                }
                for cluster in clusters[:_LISTED]
            ]
        )
    confused = confusion.most_confused(5)
    if confusion.accuracy >= 0:  # not a number where each relation has a single pair
        own = f"\nNearest to the prototype of their own relation: {percent(confusion.accuracy)} of pairs."
        say(f"{own} Most confused:" if confused else own)
    for true, nearest, share in confused:
        say(f"{share:>5.0%} of {true} with {nearest}")
    say("")


def _load(names: list[str], max_pairs: int, seed: int) -> tuple[RelationSet, int]:
    """Return the merged relations with a sample of their pairs, and the total number of pairs."""
    from st_relbert.data.relation_set import RelationSet
    from st_relbert.see import sample_pairs

    relations = RelationSet.merge(map(RelationSet.load, names))
    total = sum(map(len, relations.positives.values()))
    drawn = sample_pairs(relations.positives, max_pairs, seed)
    return RelationSet(drawn), total


def _write(relation_map: RelationMap, page: Path, pictures: list[Path]) -> None:
    from st_relbert.files.outputs import atomic_output
    from st_relbert.see import render_html
    from st_relbert.see.picture import draw_confusion, draw_map, save_picture

    with atomic_output(page) as temporary:
        temporary.write_text(render_html(relation_map), encoding="utf-8")
    for path, draw in zip(pictures, (draw_map, draw_confusion), strict=False):
        with atomic_output(path) as temporary:
            save_picture(draw(relation_map), temporary)
