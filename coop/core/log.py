"""The one log's arithmetic: a Merkle tree over commitments, inclusion and consistency proofs. Pure; storage is elsewhere.

Source: RFC 9162 section 2.1 (the hashing of RFC 6962). A leaf is a commitment SHA-256(salt || RFC 8785 event), so the
salt can be erased with a person's event and the log still verifies.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from coop.core.signing import canonical

EMPTY_ROOT = hashlib.sha256(b"").digest()


def commitment(salt: bytes, event: Any) -> bytes:
    """Return the 32 bytes that stand for an event in the log. `salt` has 16 random bytes or more."""
    assert len(salt) >= 16
    return hashlib.sha256(salt + canonical(event)).digest()


def leaf_hash(data: bytes) -> bytes:
    """Return the hash of a leaf's data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split_point(size: int) -> int:
    """Return the largest power of two below `size` > 1."""
    return 1 << ((size - 1).bit_length() - 1)


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the tree head of leaf hashes, in order of the log."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


class Frontier:
    """The right edge of a growing tree: appends in O(log n) without the old leaves."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        assert bin(size).count("1") == len(peaks)
        self.size = size
        self.peaks = list(peaks)  # from the largest full subtree to the smallest

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        carry = leaf
        bits = self.size
        while bits & 1:
            carry = node_hash(self.peaks.pop(), carry)
            bits >>= 1
        self.peaks.append(carry)
        self.size += 1

    def root(self) -> bytes:
        """Return the tree head."""
        if not self.peaks:
            return EMPTY_ROOT
        result = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            result = node_hash(peak, result)
        return result


def inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the audit path of leaf `index`, from the leaf's sibling up."""
    assert 0 <= index < len(leaves)
    if len(leaves) == 1:
        return []
    middle = _split_point(len(leaves))
    if index < middle:
        return [*inclusion_proof(leaves[:middle], index), root(leaves[middle:])]
    return [*inclusion_proof(leaves[middle:], index - middle), root(leaves[:middle])]


def consistency_proof(leaves: Sequence[bytes], old_size: int) -> list[bytes]:
    """Return the proof that the tree of the first `old_size` leaves is a prefix of the whole."""
    assert 0 < old_size <= len(leaves)
    return _subproof(leaves, old_size, is_whole=True)


def _subproof(leaves: Sequence[bytes], old_size: int, *, is_whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if is_whole else [root(leaves)]
    middle = _split_point(len(leaves))
    if old_size <= middle:
        return [*_subproof(leaves[:middle], old_size, is_whole=is_whole), root(leaves[middle:])]
    return [*_subproof(leaves[middle:], old_size - middle, is_whole=False), root(leaves[:middle])]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], head: bytes) -> bool:
    """Say whether the leaf hash stands at `index` in the tree of `size` with this head. Source: RFC 9162 section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    first, last, result = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            result = node_hash(step, result)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            result = node_hash(result, step)
        first, last = first >> 1, last >> 1
    return last == 0 and result == head


def verify_consistency(old_size: int, new_size: int, old_head: bytes, new_head: bytes, proof: Sequence[bytes]) -> bool:
    """Say whether the newer tree only appended to the older one. Source: RFC 9162 section 2.1.4.2."""
    if old_size == new_size:
        return not proof and old_head == new_head
    if not 0 < old_size < new_size or not proof:
        return False
    path = list(proof) if old_size & (old_size - 1) else [old_head, *proof]
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old = new = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            new = node_hash(new, step)
        first, last = first >> 1, last >> 1
    return last == 0 and old == old_head and new == new_head
