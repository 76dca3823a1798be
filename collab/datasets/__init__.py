"""Feedback as training data: rows in the columns that TRL reads, each naming the acts it rests on.

`sources` reads the store, `rows` turns acts into rows, `sifting` merges and leaves out, `splitting` holds some out,
`building` puts them together, `files` writes. Of pictures, rows name the blobs; `picture_pairs` writes them.
"""

from collab.datasets.building import (
    FORMATS,
    Dataset,
    build,
    build_kind,
    count_rows,
    formats_from,
    how_to_get,
)
from collab.datasets.files import write
from collab.datasets.sources import read_told

__all__ = [
    "FORMATS", "Dataset", "build", "build_kind", "count_rows", "formats_from", "how_to_get", "read_told", "write",
]  # fmt: skip
