"""Feedback as training data: rows in the columns that TRL reads, each naming the acts it rests on.

`sources` reads the store, `rows` turns acts into rows, `sifting` merges and leaves out, `splitting` holds some out,
`building` puts them together, `files` writes. Texts only; images have their own losses and come with their trainers.
"""

from collab.datasets.building import FORMATS, Dataset, build, count_rows, formats_from, how_to_get
from collab.datasets.files import write
from collab.datasets.sources import read_told

__all__ = ["FORMATS", "Dataset", "build", "count_rows", "formats_from", "how_to_get", "read_told", "write"]
