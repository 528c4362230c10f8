"""``python -m training.pocket STAGE``: from emoji drawings to the files that silverprint ships.

Owns the command line. Each stage is a module with ``add_arguments`` and ``run``; torch is imported when a stage
that needs it runs.
"""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

STAGES = {
    "pictures": "draw the emoji as pixels and list their names",
    "vocabulary": "learn the tokenizer's words from captions",
    "latents": "fit the fixed encoder and encode the drawings",
    "decoder": "train the decoder from latents to pixels",
    "denoiser": "train the denoiser and the text encoder",
    "lora": "train a small LoRA that turns things gold",
    "export": "write the diffusers folder, the graphs and the manifest",
    "check": "measure a trained model: pictures, bits, and the same in diffusers",
}


def main() -> None:
    """Run one stage."""
    parser = argparse.ArgumentParser(prog="python -m training.pocket", description=__doc__)
    stages = parser.add_subparsers(dest="stage", required=True, metavar="STAGE")
    for name, words in STAGES.items():
        stage = stages.add_parser(
            name, help=words, description=words, formatter_class=argparse.ArgumentDefaultsHelpFormatter
        )
        stage.add_argument("--work", type=Path, default=Path("build/pocket"), help="folder of all results")
        importlib.import_module(f"training.pocket.{name}").add_arguments(stage)
    chosen = parser.parse_args()
    chosen.work.mkdir(parents=True, exist_ok=True)
    importlib.import_module(f"training.pocket.{chosen.stage}").run(chosen)


if __name__ == "__main__":
    main()
