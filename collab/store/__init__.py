"""Where everything is kept: `Store` for rows, `Blobs` for pixels. Knows nothing of models, pages or requests."""

from collab.store.blobs import Blobs
from collab.store.store import Conflict, Store, open_store

__all__ = ["Blobs", "Conflict", "Store", "open_store"]
