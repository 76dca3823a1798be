"""Seconds from 1.5 million raw votes on 100 models to Bradley–Terry strengths with intervals, against arena-rank.

Both start from the same pandas frame of model names and winners, alternating, so that adding the votes up counts for
both; each runs warm (the peer's compilation is told apart) and the medians are kept. arena-rank is run once more with
a convergence and a ridge tight enough that its result can be held against ours to a hundredth of a point. It is
installed, with all it needs, into a cache folder of its own and runs in its own process.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
import pandas as pd
import platformdirs

from bench.record import Figure, keep
from collab.statistics.ranking import Strengths, bradley_terry, from_votes

VOTES, MODELS, TIES, ROUNDS = 1_500_000, 100, 0.2, 5
PEER = "arena-rank==0.1.1"
OUTCOME = {"model_a": 1.0, "model_b": 0.0, "tie": 0.5, "both_bad": 0.5}

# Runs in the peer's process: a line of settings in, a line of results out.
PEER_SCRIPT = """
import json, sys, time
import pandas as pd
from arena_rank.models.bradley_terry import BradleyTerry
from arena_rank.utils.data_utils import PairDataset
frame = pd.read_parquet(sys.argv[1])
print("ready", flush=True)
for line in sys.stdin:
    began_s = time.perf_counter()
    votes = PairDataset.from_pandas(frame)
    found = BradleyTerry(n_competitors=len(votes.competitors), **json.loads(line)).compute_ratings_and_cis(votes)
    lists = {k: [float(x) for x in found[k]] for k in ("ratings", "rating_lower", "rating_upper")}
    print(json.dumps({"seconds": time.perf_counter() - began_s, "names": found["competitors"], **lists}), flush=True)
"""
# Its default ridge, a hundred-thousandth of all votes, narrows the intervals of models that are rarely met; one far
# smaller than this drowns in rounding.
EXACT = {"hessian_reg": 1e-8, "ftol": 0.0, "gtol": 1e-12}


def main() -> None:
    """Print and keep the figures."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "votes.parquet"
        make_votes(np.random.default_rng(0)).to_parquet(path)
        frame = pd.read_parquet(path)
        peer = subprocess.Popen(
            [sys.executable, "-c", PEER_SCRIPT, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "PYTHONPATH": str(install_peer()), "JAX_PLATFORMS": "cpu"},
        )  # fmt: skip
        try:
            cast(IO[str], peer.stdout).readline()
            rank(frame)
            first_s = ask(peer, {})["seconds"]
            ours, theirs = [], []
            for _ in range(ROUNDS):
                began_s = time.perf_counter()
                found = rank(frame)
                ours.append(time.perf_counter() - began_s)
                usual = ask(peer, {})
                theirs.append(usual["seconds"])
            exact = ask(peer, EXACT)
        finally:
            peer.terminate()
            peer.wait(timeout=30)
    value, peer_value = statistics.median(ours), statistics.median(theirs)
    keep(
        [
            Figure("Bradley–Terry with intervals, 1.5 million votes × 100 models", round(value, 3), "s", PEER,
                   round(peer_value, 3), f"{peer_value / value:.1f}× faster; {ROUNDS} rounds each, warm; "
                   f"the peer's first, with compilation: {first_s:.1f} s"),
            Figure("largest difference of a strength or interval edge from arena-rank", round(apart(found, exact), 5),
                   "points", note=f"its tolerances and ridge near zero; {apart(found, usual):.3f} at its defaults, "
                   f"intervals about {np.median(found.upper - found.lower):.1f} wide"),
        ],
        "ranking",
    )  # fmt: skip


def make_votes(rng: np.random.Generator) -> pd.DataFrame:
    """Synthetic votes: some models are met far more often than others, a fifth of the votes are ties of either kind."""
    strength, often = rng.normal(0, 0.6, MODELS), rng.dirichlet(np.full(MODELS, 3.0))
    first, second = rng.choice(MODELS, (2, VOTES), p=often)
    second = np.where(first == second, (second + 1) % MODELS, second)
    won = rng.random(VOTES) < 1 / (1 + np.exp(strength[second] - strength[first]))
    winner = np.where(won, "model_a", "model_b").astype(object)
    tied = rng.random(VOTES) < TIES
    winner[tied] = np.where(rng.random(tied.sum()) < 0.5, "tie", "both_bad")
    names = np.array([f"model-{number:03}" for number in range(MODELS)], object)
    return pd.DataFrame({"model_a": names[first], "model_b": names[second], "winner": winner})


def rank(frame: pd.DataFrame) -> Strengths:
    """Strengths from raw names and winners, votes taken as independent as the peer takes them."""
    first, names = pd.factorize(frame["model_a"])
    second, others = pd.factorize(frame["model_b"])
    everyone = pd.Index(names).union(pd.Index(others))
    winner, said = pd.factorize(frame["winner"])
    outcome = np.array([OUTCOME[each] for each in said])[winner]
    first, second = everyone.get_indexer(names)[first], everyone.get_indexer(others)[second]
    return bradley_terry(from_votes(first, second, outcome, everyone.tolist()))


def install_peer() -> Path:
    """The folder that the peer lies in, outside the tree and apart from our own packages."""
    folder = platformdirs.user_cache_path("collab") / "bench" / PEER.replace("==", "-")
    if not (folder / "complete").exists():
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--upgrade", "--target", str(folder), PEER], check=True
        )
        (folder / "complete").touch()
    return folder


def ask(peer: subprocess.Popen[str], settings: dict[str, float]) -> dict[str, Any]:
    """One run of the peer: seconds, names, and lists of ratings and bounds."""
    peer_in, peer_out = cast(IO[str], peer.stdin), cast(IO[str], peer.stdout)
    peer_in.write(json.dumps(settings) + "\n")
    peer_in.flush()
    return json.loads(peer_out.readline())


def apart(ours: Strengths, theirs: dict[str, Any]) -> float:
    """The largest distance in points between our strengths and bounds and theirs."""
    assert list(ours.names) == theirs["names"]
    pairs = ((ours.strength, "ratings"), (ours.lower, "rating_lower"), (ours.upper, "rating_upper"))
    return max(float(np.abs(mine - np.array(theirs[name])).max()) for mine, name in pairs)


if __name__ == "__main__":
    main()
