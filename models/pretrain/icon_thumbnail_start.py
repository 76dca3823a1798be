"""Initial weights with which the autoencoder already is a thumbnail codec, so that training only has to learn the
detail.

Knows AutoencoderKL's layers and nothing of data. Three latent channels begin as the picture's 4×4 block means and the
decoder as their enlargement; the fourth latent and most channels stay random. Every carried value x travels beside
its negative, because silu(x) − silu(−x) = x exactly, and beside a large constant ±C, which keeps the normalisation's
divisor nearly the same for all pictures. Without it two CPU cores spend their first ten minutes on finding out about
colour.
"""

import torch
from diffusers import AutoencoderKL
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn

COLOURS = 3
CARRIED = 2 * COLOURS + 2  # +RGB, −RGB, +C, −C
C = 6.0


@torch.no_grad()
def start_as_thumbnail(autoencoder: AutoencoderKL, pictures: Tensor) -> None:
    """Set the weights in place; `pictures` (B, 3, H, W) in ±1 calibrate the two output layers."""
    encoder, decoder = autoencoder.encoder, autoencoder.decoder
    for half in (encoder, decoder):
        open_carriers(half.conv_in)
        for module in half.modules():
            if isinstance(module, ResnetBlock2D):
                silence_carried_rows(module.conv2)
                if module.conv_shortcut is not None:
                    pass_carried(module.conv_shortcut)
        close_carriers(half.conv_out)
    for block in encoder.down_blocks:
        for downsampler in block.downsamplers or ():
            pass_carried(downsampler.conv, tap=(slice(0, 2), slice(0, 2)), weight=0.25)
    for block in decoder.up_blocks:
        for upsampler in block.upsamplers or ():
            pass_carried(upsampler.conv, tap=(1, 1))
    means = encoder.conv_out.out_channels // 2
    autoencoder.quant_conv.weight.zero_()
    autoencoder.quant_conv.bias.zero_()
    autoencoder.quant_conv.bias[means:] = -6.0  # a narrow posterior: the decoder starts undisturbed by noise
    autoencoder.post_quant_conv.weight.zero_()
    autoencoder.post_quant_conv.bias.zero_()
    for channel in range(means):
        autoencoder.quant_conv.weight[channel, channel] = 1
        autoencoder.post_quant_conv.weight[channel, channel] = 1

    factor = 2 ** (len(encoder.down_blocks) - 1)
    thumbnails = nn.functional.avg_pool2d(pictures, factor)
    latents = autoencoder.encode(pictures).latent_dist.mean
    encoder.conv_out.weight[:COLOURS] *= slope(latents[:, :COLOURS], thumbnails)
    latents = autoencoder.encode(pictures).latent_dist.mean
    decoder.conv_out.weight *= slope(autoencoder.decode(latents).sample, pictures)


def open_carriers(conv: nn.Conv2d) -> None:
    """The first carried channels become ±the first three inputs and ±C."""
    silence_carried_rows(conv)
    for colour in range(COLOURS):
        conv.weight[colour, colour, 1, 1] = 1
        conv.weight[COLOURS + colour, colour, 1, 1] = -1
    bias_of(conv)[2 * COLOURS] = C
    bias_of(conv)[2 * COLOURS + 1] = -C


def pass_carried(conv: nn.Conv2d, tap: tuple = (0, 0), weight: float = 1.0) -> None:
    """Carried channels go through unchanged (or averaged over the tap's pixels)."""
    silence_carried_rows(conv)
    for channel in range(CARRIED):
        conv.weight[(channel, channel, *tap)] = weight


def silence_carried_rows(conv: nn.Conv2d) -> None:
    """Nothing is added to the carried channels yet."""
    conv.weight[:CARRIED] = 0
    bias_of(conv)[:CARRIED] = 0


def close_carriers(conv: nn.Conv2d) -> None:
    """The first three outputs become the carried value minus its negative, after the SiLU in front of this layer."""
    conv.weight[:COLOURS] = 0
    bias_of(conv)[:COLOURS] = 0
    for colour in range(COLOURS):
        conv.weight[colour, colour, 1, 1] = 1
        conv.weight[colour, COLOURS + colour, 1, 1] = -1


def bias_of(conv: nn.Conv2d) -> Tensor:
    """The layer's bias; every layer of the autoencoder has one. Raises ValueError for one that has none."""
    if conv.bias is None:
        raise ValueError(f"{conv} has no bias, so it cannot carry a constant: build the autoencoder with biases.")
    return conv.bias


def slope(found: Tensor, wanted: Tensor) -> float:
    """The least-squares factor that takes the one to the other."""
    return ((found * wanted).sum() / found.square().sum()).item()
