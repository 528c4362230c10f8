"""Tokenizer: a prompt to the ids the text encoder reads, the way CLIP's tokenizer does it.

Owns normalisation, splitting and byte-pair merges over the shipped vocabulary. What the ids mean is the
model's business.
"""

from __future__ import annotations

import functools
import heapq
import itertools
import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

START = "<|startoftext|>"
END = "<|endoftext|>"
WORD_END = "</w>"

# The Unicode property White_Space. Python's own str.isspace() also counts the four separators \x1c to \x1f.
_SPACES = frozenset(
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
_CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")


@dataclass(frozen=True, kw_only=True)
class Tokenizer:
    """Ids for a prompt, ``length`` of them, from a vocabulary and its ranked merges.

    The scheme is that of CLIP (Radford et al. 2021, arXiv:2103.00020): byte-level byte-pair encoding
    (Sennrich et al. 2016, arXiv:1508.07909) in lower case with a mark at the end of each word. Ids equal
    those of ``transformers.CLIPTokenizer`` on the same files, except that the two special words are plain
    text here when a person types them.
    """

    vocabulary: Mapping[str, int]
    ranks: Mapping[tuple[str, str], int]
    length: int = 24

    @classmethod
    def parse(cls, vocabulary: bytes, merges: bytes, *, length: int = 24) -> Tokenizer:
        """Read ``vocab.json`` and ``merges.txt``. Raises ValueError when they are not what they should be."""
        words = json.loads(vocabulary)
        if not isinstance(words, dict) or START not in words or END not in words:
            raise ValueError("the vocabulary has no start and end marks")
        lines = merges.decode("utf-8").split("\n")[1:]
        pairs = [tuple(line.split(" ")) for line in lines if line]
        ranks = {(pair[0], pair[1]): rank for rank, pair in enumerate(pairs) if len(pair) == 2}
        if len(ranks) != len(pairs):
            raise ValueError("a merge is not a pair")
        return cls(vocabulary=words, ranks=ranks, length=length)

    def encode(self, text: str) -> list[int]:
        """The ids of ``text``: start, words, then end marks up to ``length``. What does not fit is left out.

        Any text is taken, of any length and script; half a surrogate pair counts as its three bytes.
        """
        room = self.length - 2
        ids = [self.vocabulary[START]]
        for word in split(text):
            ids += self._word(word)[: room + 1 - len(ids)]
            if len(ids) > room:
                break
        end = self.vocabulary[END]
        return ids + [end] * (self.length - len(ids))

    def decode(self, ids: list[int]) -> str:
        """The text the ids stand for, in lower case, with a space after each word and no marks."""
        pieces = {number: piece for piece, number in self.vocabulary.items()}
        symbols = "".join(pieces[number] for number in ids if pieces[number] not in (START, END))
        byte_of = {symbol: byte for byte, symbol in _byte_symbols().items()}
        words = [
            bytes(byte_of[symbol] for symbol in word).decode("utf-8", "replace")
            for word in symbols.split(WORD_END)
        ]
        return " ".join(words).strip()

    def _word(self, word: str) -> list[int]:
        symbols = _byte_symbols()
        pieces = [symbols[byte] for byte in word.encode("utf-8", "surrogatepass")]
        pieces[-1] += WORD_END
        return [self.vocabulary[piece] for piece in _merge(pieces, self.ranks)]


def split(text: str) -> Iterator[str]:
    """The words of ``text``: runs of letters, single digits, runs of signs, and English contractions.

    Signs that meet letters are split apart; white space only separates.
    """
    text = _lower(unicodedata.normalize("NFC", text))
    at = 0
    while at < len(text):
        kind = _kind(text[at])
        if kind == "space":
            at += 1
            continue
        contraction = next((word for word in _CONTRACTIONS if text.startswith(word, at)), None)
        if contraction:
            end = at + len(contraction)
        elif kind == "number":
            end = at + 1
        else:
            end = at + 1
            while end < len(text) and _kind(text[end]) == kind:
                end += 1
        yield text[at:end]
        at = end


def _lower(text: str) -> str:
    # One character at a time: str.lower() looks at the neighbours of a Greek sigma, CLIP's tokenizer does not.
    return "".join(character.lower() for character in text)


@functools.lru_cache(maxsize=4096)
def _kind(character: str) -> str:
    if character in _SPACES:
        return "space"
    category = unicodedata.category(character)[0]
    return {"L": "letter", "N": "number"}.get(category, "sign")


@functools.cache
def _byte_symbols() -> dict[int, str]:
    """The 256 printable stand-ins for bytes that CLIP and GPT-2 share."""
    shown = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in set(shown)]
    return {byte: chr(byte) for byte in shown} | {byte: chr(256 + n) for n, byte in enumerate(hidden)}


def _merge(pieces: list[str], ranks: Mapping[tuple[str, str], int]) -> list[str]:
    """Join neighbours, best rank first and leftmost first, until no pair has a rank.

    A linked list and a heap keep it at n log n, so that ten thousand letters without a space cost no more
    than milliseconds.
    """
    following = [*range(1, len(pieces)), -1]
    before = list(range(-1, len(pieces) - 1))
    heap = [
        (rank, left, pair)
        for left, pair in enumerate(itertools.pairwise(pieces))
        if (rank := ranks.get(pair)) is not None
    ]
    heapq.heapify(heap)
    gone = [False] * len(pieces)

    def offer(left: int) -> None:
        right = following[left]
        if right >= 0 and (rank := ranks.get((pieces[left], pieces[right]))) is not None:
            heapq.heappush(heap, (rank, left, (pieces[left], pieces[right])))

    while heap:
        _, left, pair = heapq.heappop(heap)
        right = following[left]
        if gone[left] or right < 0 or (pieces[left], pieces[right]) != pair:
            continue
        pieces[left] += pieces[right]
        gone[right] = True
        following[left] = following[right]
        if following[right] >= 0:
            before[following[right]] = left
        offer(left)
        if before[left] >= 0:
            offer(before[left])
    return [piece for piece, lost in zip(pieces, gone, strict=True) if not lost]
