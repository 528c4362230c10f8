"""Export: a trained model as silverprint ships it: the diffusers folder, graphs without weights, the manifest.

A graph keeps the arithmetic only. Each of its weights is named ``parameter|shape``, or ``parameter|T|shape`` when
the graph wants the matrix turned, and comes from the safetensors files when the model is loaded. So one copy of
the weights serves diffusers and onnxruntime.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from training.pocket.colours import Array

TENSOR_FILES = {
    "text_encoder": "text_encoder/model.safetensors",
    "unet": "unet/diffusion_pytorch_model.safetensors",
    "vae_encoder": "vae/diffusion_pytorch_model.safetensors",
    "vae_decoder": "vae/diffusion_pytorch_model.safetensors",
}
TOKENIZER_FILES = ("vocab.json", "merges.txt")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this stage."""
    parser.add_argument(
        "--denoiser", type=Path, help="folder with unet/ and text_encoder/ (default: WORK/denoiser)"
    )
    parser.add_argument("--autoencoder", type=Path, help="default: WORK/autoencoder")
    parser.add_argument("--tokenizer", type=Path, help="default: WORK/tokenizer")
    parser.add_argument("--out", type=Path, help="default: WORK/weights")
    parser.add_argument(
        "--version", default="1", help="recorded in every recipe; raise it with every new training"
    )


def run(options: argparse.Namespace) -> None:
    """Write ``diffusers/``, ``graphs/`` and ``manifest.json``."""
    import torch

    torch.set_num_threads(2)
    out = options.out or options.work / "weights"
    (out / "graphs").mkdir(parents=True, exist_ok=True)
    models = _save_folder(options, out / "diffusers")
    for name, (module, inputs, names, shapes) in _parts(models).items():
        graph = out / "graphs" / f"{name}.onnx"
        with torch.no_grad():
            torch.onnx.export(
                module.eval(),
                inputs,
                graph,
                input_names=names[:-1],
                output_names=names[-1:],
                dynamic_shapes=shapes,
                dynamo=True,
                external_data=False,
                optimize=True,
                verbose=False,
                opset_version=18,
            )
        left = strip(graph, _tensors(out / "diffusers" / TENSOR_FILES[name]))
        print(f"{name}: {graph.stat().st_size // 1024} KB of graph, {left} bytes of constants in it")
    write_manifest(out, options.version)


def strip(graph: Path, tensors: Mapping[str, Array]) -> int:
    """Take the weights out of a graph file and list their names beside it; the bytes of constants that stay.

    A weight is found by its values, in the order of the file or turned, and by its name where values repeat.
    """
    import onnx
    from onnx import TensorProto, numpy_helper

    known: dict[bytes, list[tuple[str, str]]] = {}
    for key, tensor in tensors.items():
        known.setdefault(tensor.tobytes(), []).append((key, ""))
        if tensor.ndim == 2:
            known.setdefault(np.ascontiguousarray(tensor.T).tobytes(), []).append((key, "|T"))
    model = onnx.load(graph)
    renamed: dict[str, str] = {}
    left = 0
    for constant in list(model.graph.initializer):
        values = numpy_helper.to_array(constant)
        found = known.get(values.tobytes(), []) if values.dtype == np.float32 else []
        if not found:
            left += values.nbytes
            continue
        key, turned = next((pair for pair in found if constant.name.endswith(pair[0])), found[0])
        shape = "x".join(str(side) for side in values.shape)
        full = f"{key}{turned}|{shape}"
        model.graph.initializer.remove(constant)
        if full not in renamed.values():
            outside = TensorProto(
                name=full,
                data_type=TensorProto.FLOAT,
                dims=values.shape,
                data_location=TensorProto.EXTERNAL,
            )
            for entry, value in (("location", "weights"), ("offset", "0"), ("length", str(values.nbytes))):
                outside.external_data.add(key=entry, value=value)
            model.graph.initializer.append(outside)
        renamed[constant.name] = full
    for node in model.graph.node:
        for place, name in enumerate(node.input):
            node.input[place] = renamed.get(name, name)
        del node.metadata_props[:]
        node.doc_string = ""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    graph.write_bytes(model.SerializeToString(deterministic=True))
    names = sorted(set(renamed.values()))
    graph.with_suffix(".json").write_text(json.dumps(names), encoding="utf-8")
    return left


def write_manifest(out: Path, version: str) -> None:
    """List every file that decides pixels, with its length and hash: silverprint checks them when it loads."""
    names = [f"graphs/{name}.{kind}" for name in TENSOR_FILES for kind in ("onnx", "json")]
    names += [f"diffusers/{file}" for file in set(TENSOR_FILES.values())]
    names += [f"diffusers/tokenizer/{file}" for file in TOKENIZER_FILES]
    files = {}
    for name in sorted(names):
        data = (out / name).read_bytes()
        files[name] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    manifest = {"model": "pocket", "version": version, "files": files}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def _save_folder(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Write the folder of StableDiffusionPipeline in half precision; the models with the same values in float32."""
    import torch
    from diffusers import AutoencoderTiny, DDIMScheduler, StableDiffusionPipeline
    from transformers import CLIPTokenizer

    from training.pocket.networks import load_pair
    from training.pocket.vocabulary import LENGTH

    unet, text_encoder = load_pair(options.denoiser or options.work / "denoiser")
    vae = AutoencoderTiny.from_pretrained(
        options.autoencoder or options.work / "autoencoder", torch_dtype=torch.float32
    )
    words = options.tokenizer or options.work / "tokenizer"
    pipeline = StableDiffusionPipeline(
        vae=vae.half(),
        text_encoder=text_encoder.half(),
        tokenizer=CLIPTokenizer.from_pretrained(words, model_max_length=LENGTH),
        unet=unet.half(),
        scheduler=DDIMScheduler(
            num_train_timesteps=1000,
            beta_schedule="squaredcos_cap_v2",
            prediction_type="v_prediction",
            timestep_spacing="trailing",
            clip_sample=False,
            set_alpha_to_one=True,
            steps_offset=1,
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    for file in TOKENIZER_FILES:
        shutil.copyfile(words / file, folder / "tokenizer" / file)
    return {"unet": unet.float(), "text_encoder": text_encoder.float(), "vae": vae.float()}


def _parts(models: Mapping[str, Any]) -> dict[str, tuple[Any, Any, list[str], Any]]:
    """What is exported: a module, example inputs, names of inputs and output, and sizes that may vary."""
    import torch

    class TextEncoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.m = models["text_encoder"]

        def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
            return self.m(input_ids).last_hidden_state

    class Denoiser(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.m = models["unet"]

        def forward(self, sample: torch.Tensor, timestep: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
            return self.m(sample, timestep, words).sample

    class Encoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.m = models["vae"]

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return self.m.encode(image).latents

    class Decoder(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.m = models["vae"]

        def forward(self, latent: torch.Tensor) -> torch.Tensor:
            return self.m.decode(latent).sample

    count = torch.export.Dim("B", min=1, max=16)
    latents, words = torch.randn(2, 12, 16, 16), torch.randn(2, 24, 192)
    times = torch.zeros(2, dtype=torch.long)
    return {
        "text_encoder": (
            TextEncoder(),
            (torch.zeros(2, 24, dtype=torch.long),),
            ["input_ids", "hidden"],
            {"input_ids": {0: count}},
        ),
        "unet": (
            Denoiser(),
            (latents, times, words),
            ["sample", "timestep", "encoder_hidden_states", "v"],
            {"sample": {0: count}, "timestep": {0: count}, "words": {0: count}},
        ),
        "vae_encoder": (Encoder(), (torch.randn(1, 3, 128, 128),), ["image", "latent"], None),
        "vae_decoder": (Decoder(), (latents[:1],), ["latent", "image"], None),
    }


def _tensors(file: Path) -> dict[str, Array]:
    from safetensors.numpy import load_file

    return {name: tensor.astype(np.float32) for name, tensor in load_file(file).items()}
