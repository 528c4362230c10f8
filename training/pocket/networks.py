"""Networks: pocket's three networks and its noise schedule, built for training. Imports torch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderTiny, UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from silverprint.providers.pocket.sampler import TRAINED_STEPS, levels
from training.pocket.colours import Array
from training.pocket.vocabulary import LENGTH, SIZE

START, END = SIZE - 2, SIZE - 1
WIDTH = 192


def new_denoiser() -> UNet2DConditionModel:
    """A fresh denoiser, 8.9 M parameters, whose first answer is zero."""
    denoiser = UNet2DConditionModel(
        sample_size=16,
        in_channels=12,
        out_channels=12,
        block_out_channels=(64, 128, 160),
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        layers_per_block=1,
        attention_head_dim=4,
        cross_attention_dim=WIDTH,
        norm_num_groups=16,
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )
    with torch.no_grad():
        denoiser.conv_out.weight.zero_()
        denoiser.conv_out.bias.zero_()
        denoiser.add_embedding.norm2.weight.fill_(0.3)
    return denoiser


def new_text_encoder() -> CLIPTextModel:
    """A fresh text encoder, 1.5 M parameters."""
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=SIZE,
            hidden_size=WIDTH,
            intermediate_size=512,
            num_hidden_layers=3,
            num_attention_heads=4,
            max_position_embeddings=LENGTH,
            projection_dim=WIDTH,
            bos_token_id=START,
            eos_token_id=END,
            pad_token_id=END,
            hidden_act="quick_gelu",
        )
    )


def load_pair(folder: Path) -> tuple[UNet2DConditionModel, CLIPTextModel]:
    """Denoiser and text encoder from ``unet`` and ``text_encoder`` in a folder, in float32 and plain attention."""
    denoiser = UNet2DConditionModel.from_pretrained(folder / "unet", torch_dtype=torch.float32)
    text_encoder = CLIPTextModel.from_pretrained(folder / "text_encoder", torch_dtype=torch.float32)
    denoiser.set_attn_processor(AttnProcessor())
    return denoiser, text_encoder


def new_autoencoder(mean: Array, matrix: Array) -> AutoencoderTiny:
    """An autoencoder whose encoder is the fixed linear map, written into its convolutions and frozen.

    ``mean`` (12,) and ``matrix`` (12, 12) are those of latents.fit. The decoder is fresh.
    """
    model = AutoencoderTiny(
        in_channels=3,
        out_channels=3,
        encoder_block_out_channels=(16,) * 4,
        decoder_block_out_channels=(40,) * 4,
        num_encoder_blocks=(0, 0, 0, 0),
        num_decoder_blocks=(2, 3, 2, 0),
        latent_channels=12,
        scaling_factor=1.0,
    )
    layers = model.encoder.layers
    with torch.no_grad():
        for layer in layers:
            layer.weight.zero_()
            if layer.bias is not None:
                layer.bias.zero_()
        for colour in range(3):
            layers[0].weight[colour, colour, 1, 1] = 1
            for halving in (1, 2):  # the mean of 2 x 2, twice
                layers[halving].weight[colour, colour, 1:, 1:] = 0.25
            for y in (0, 1):
                for x in (0, 1):
                    layers[3].weight[(y * 2 + x) * 3 + colour, colour, 1 + y, 1 + x] = 1
        layers[4].weight[:, :12, 1, 1] = torch.from_numpy(matrix)
        layers[4].bias.copy_(torch.from_numpy(-matrix @ mean))
        model.decoder.layers[-1].bias.fill_(0.5)
        model.decoder.layers[-1].weight.mul_(0.5)
    for parameter in model.encoder.parameters():
        parameter.requires_grad_(False)
    return model


def schedule() -> tuple[Tensor, Tensor]:
    """How much picture and how much noise at each of the 1000 times; two float32 tensors (1000,)."""
    pairs = torch.tensor([levels(time) for time in range(TRAINED_STEPS)], dtype=torch.float64)
    return pairs[:, 0].float(), pairs[:, 1].float()


class LoraLinear(nn.Module):
    """A frozen linear layer with a small trained one beside it: x W + x A B."""

    def __init__(self, inner: nn.Linear, rank: int) -> None:
        super().__init__()
        self.inner = inner
        self.a = nn.Parameter(torch.randn(rank, inner.in_features) / rank)
        self.b = nn.Parameter(torch.zeros(inner.out_features, rank))

    def forward(self, x: Tensor, *_: Any) -> Tensor:
        """The frozen answer and the trained change to it."""
        changed: Tensor = self.inner(x) + (x @ self.a.T) @ self.b.T
        return changed
