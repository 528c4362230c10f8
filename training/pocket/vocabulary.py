"""Vocabulary: learns CLIP's kind of byte-pair merges from captions, and saves them in CLIP's two files."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from silverprint.providers.pocket.tokenizer import END, START, WORD_END, Tokenizer
from training.pocket.captions import Thing, clean, plain, words
from training.pocket.colours import BACKGROUNDS, HUES

SIZE = 2560
LENGTH = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This stage has no options of its own."""


def run(options: argparse.Namespace) -> None:
    """Learn from ``things.json``; write ``tokenizer/vocab.json`` and ``tokenizer/merges.txt``."""
    things = json.loads((options.work / "things.json").read_bytes())
    vocabulary, merges = learn(list(texts(things)))
    folder = options.work / "tokenizer"
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{left} {right}" for left, right in merges), ""]
    (folder / "merges.txt").write_text("\n".join(lines), encoding="utf-8")
    print(f"{len(vocabulary)} entries, {len(merges)} merges")


def load(folder: Path) -> Tokenizer:
    """The tokenizer in a folder, as silverprint reads it."""
    return Tokenizer.parse(
        (folder / "vocab.json").read_bytes(), (folder / "merges.txt").read_bytes(), length=LENGTH
    )


def texts(things: Sequence[Thing]) -> Iterator[str]:
    """Captions of every thing, its names and tags by themselves, and words that emoji lack."""
    random = np.random.default_rng(0)
    for thing in things:
        for _ in range(6):
            background = str(random.choice(list(BACKGROUNDS)))
            hue = str(random.choice(list(HUES))) if random.random() < 0.2 else None
            yield plain(thing, random, background=background, hue=hue)
        yield from (clean(tag) for tag in thing["tags"])
        yield from [clean(thing["label"])] * 4
    yield from words()["vocabulary"] * 20


def learn(lines: Sequence[str]) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary and the merges, best first.

    CLIP's order: 256 bytes, the same at the end of a word, one entry a merge, and the two marks.
    """
    from tokenizers import Regex, models, normalizers, pre_tokenizers, trainers
    from tokenizers import Tokenizer as Learner

    learner = Learner(models.BPE(unk_token=END, end_of_word_suffix=WORD_END, continuing_subword_prefix=""))
    learner.normalizer = normalizers.Sequence([normalizers.NFC(), normalizers.Lowercase()])
    pattern = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern, "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE - 2,
        min_frequency=2,
        end_of_word_suffix=WORD_END,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    learner.train_from_iterator([line.lower() for line in lines], trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    pairs = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in learned]
    merges = [(left, right) for left, right in pairs][: SIZE - 2 - 2 * len(alphabet)]
    entries = [
        *alphabet,
        *(letter + WORD_END for letter in alphabet),
        *(left + right for left, right in merges),
    ]
    ordered = dict.fromkeys([*entries, START, END])
    return {entry: number for number, entry in enumerate(ordered)}, merges
