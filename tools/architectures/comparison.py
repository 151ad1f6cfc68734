"""Two eager builds of a model say how each of its tensors begins; a third build is held against them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from scipy import stats

STANDARD_ERRORS = 5.0
"""How far a moment may be from the pooled eager one; parts of a tensor, many of which are looked at, get one
more. Of 400 000 numbers a std that is off by 0.7 % is found, of 1000 one that is off by 14 %."""
SURE = 1e-8
"""The p-value below which two samples are of two distributions."""
_ENOUGH = 30


@dataclass(frozen=True)
class Tensor:
    """A tensor of a model, and what it is to the module: ``parameter``, ``buffer`` or ``attribute``."""

    value: Any
    role: str
    kind: str
    requires_grad: bool


@dataclass(frozen=True)
class Built:
    """All that is compared of a model: tensors by name, which of them are one, and which share memory."""

    tensors: dict[str, Tensor]
    ties: list[tuple[str, ...]]
    shared: list[tuple[str, ...]]
    training: bool
    state: list[str]

    @classmethod
    def of(cls, module: torch.nn.Module) -> Built:
        """Read a module."""
        from pyinit.torch.materialization.beginnings import named_tensors

        roles = dict.fromkeys(dict(module.named_buffers(remove_duplicate=False)), "buffer")
        roles |= dict.fromkeys(dict(module.named_parameters(remove_duplicate=False)), "parameter")
        found, values = {}, {}
        for name, tensor in named_tensors(module):
            values[name] = tensor
            kind = f"{type(tensor).__module__}.{type(tensor).__qualname__}"
            role = roles.get(name, "attribute")
            found[name] = Tensor(tensor.detach(), role, kind, tensor.requires_grad)
        storages = {
            name: tensor.untyped_storage()._cdata if tensor.is_meta else tensor.untyped_storage().data_ptr()
            for name, tensor in values.items()
            if tensor.numel()
        }
        identities = {name: id(tensor) for name, tensor in values.items()}
        state = list(module.state_dict())
        return cls(found, _groups(identities), _groups(storages), module.training, state)

    @property
    def parameters(self) -> int:
        """Number of elements of all parameters, tied ones once."""
        later = {name for names in self.ties for name in names[1:]}
        return sum(
            tensor.value.numel()
            for name, tensor in self.tensors.items()
            if tensor.role == "parameter" and name not in later
        )


def _groups(identities: dict[str, int]) -> list[tuple[str, ...]]:
    """Return the names that have one identity, where there are two at least."""
    groups: dict[int, list[str]] = {}
    for name, identity in identities.items():
        groups.setdefault(identity, []).append(name)
    return sorted(tuple(names) for names in groups.values() if len(names) > 1)


def faults(first: Built, second: Built, made: Built) -> list[str]:
    """Return what is wrong with a model that was made, one sentence each.

    Parameters
    ----------
    first, second : Built
        By eager torch, with different seeds: what they agree on is no draw.
    made : Built
        By pyinit.
    """
    found = []
    for what in ("ties", "shared", "training", "state"):
        ours, theirs = getattr(made, what), getattr(first, what)
        if ours != theirs:
            found.append(f"{what}: {_shortened(ours)} for {_shortened(theirs)}")
    if made.tensors.keys() != first.tensors.keys():
        found.append(f"names differ: {sorted(made.tensors.keys() ^ first.tensors.keys())[:6]}")
    later = {name for names in first.ties for name in names[1:]}
    drawn: list[str] = []
    for name, theirs in first.tensors.items():
        if name in made.tensors and name in second.tensors and name not in later:
            ours = made.tensors[name]
            told = _form(theirs, ours) or _values(theirs.value, second.tensors[name].value, ours.value)
            found += [f"{name}: {why}" for why in told]
            if not told and ours.value.is_floating_point() and not torch.equal(theirs.value, ours.value):
                drawn.append(name)
    return found + _correlated(first, made, drawn)


def _shortened(value: Any) -> str:
    text = str(value)
    return text if len(text) < 160 else text[:160] + " ..."


def _form(theirs: Tensor, ours: Tensor) -> list[str]:
    """Compare everything but the numbers."""
    if ours.value.is_meta:
        return ["still on the meta device"]
    pairs = {
        "shape": (ours.value.shape, theirs.value.shape),
        "dtype": (ours.value.dtype, theirs.value.dtype),
        "strides": (ours.value.stride(), theirs.value.stride()),
        "role": (ours.role, theirs.role),
        "class": (ours.kind, theirs.kind),
        "requires_grad": (ours.requires_grad, theirs.requires_grad),
    }
    return [f"{what} is {mine}, not {own}" for what, (mine, own) in pairs.items() if mine != own]


def _values(first: Any, second: Any, made: Any) -> list[str]:
    """Compare numbers: those that eager torch repeats, then the law of the others."""
    if not first.numel():
        return []
    if not first.is_floating_point():
        repeats = torch.equal(first, second)
        return ["integers differ"] if repeats and not _close(first, made) else []
    first, second, made = (each.double() for each in (first, second, made))
    if bool(first.isfinite().all()) and not bool(made.isfinite().all()):
        return ["not all numbers are finite"]
    same = (first == second) | (first.isnan() & second.isnan())
    if bool(same.all()):
        if _close(first, made):
            return []
        return [f"no draw in eager torch, and off by {float((first - made).abs().max()):.3g}"]
    found = []
    first, second = _without_strays(first), _without_strays(second)
    zeros = (first == 0) & (second == 0)
    # of a few small numbers in a half type some are zero by chance
    structural = int(zeros.sum()) > 3 and float(zeros.double().mean()) > 1e-4
    if structural and bool((made[zeros] != 0).any()):
        found.append(f"{int((made[zeros] != 0).sum())} elements are zero in eager torch, and not here")
    if int((made == 0).sum()) > int((first == 0).sum()) + 5 + made.numel() // 1000:
        found.append(f"{int((made == 0).sum())} zeros for {int((first == 0).sum())}")
    live = ~zeros
    if int(live.sum()) >= _ENOUGH:
        found += _law(torch.cat([first[live], second[live]]), made[live])
    if bool(live.all()) and first.dim() >= 2:
        found += _parts(first, second, made)
    return found


def _without_strays(sample: Any) -> Any:
    """Return a sample of eager torch without what is hundreds of standard deviations away.

    Truncated normals that are made by hand have such a number once in 2^24 draws, as eager torch; pyinit does
    not.
    """
    middle = sample.median()
    distance = (sample - middle).abs()
    stray = distance > 60 * distance.median()
    few = 0 < int(stray.sum()) <= 1 + sample.numel() // 1_000_000
    return torch.where(stray, middle, sample) if few and float(distance.median()) > 0 else sample


def _close(first: Any, made: Any) -> bool:
    if not first.is_floating_point() and not first.is_complex():
        return torch.equal(first, made)
    return torch.allclose(first, made, rtol=1e-6, atol=1e-8, equal_nan=True)


def _kurtosis(sample: Any) -> float:
    spread = float(sample.std(unbiased=False))
    return float(((sample - sample.mean()) ** 4).mean()) / spread**4 if spread else 3.0


def _law(pooled: Any, made: Any) -> list[str]:
    """Compare mean, std and distribution of a sample with those of a pooled one."""
    spread, ours = float(pooled.std(unbiased=False)), float(made.std(unbiased=False))
    if spread == 0:
        return []
    if ours == 0:
        return [f"std 0 for {spread:.4g}"]
    share = 1 / made.numel() + 1 / pooled.numel()
    wide = max(_kurtosis(pooled) - 1, 0.05)
    off = math.log(ours / spread) / math.sqrt(wide / 4 * share)
    shift = float(made.mean() - pooled.mean()) / (spread * math.sqrt(share))
    found = []
    if abs(off) > STANDARD_ERRORS:
        found.append(f"std {ours:.6g} for {spread:.6g} ({off:+.1f} standard errors)")
    if abs(shift) > STANDARD_ERRORS:
        found.append(
            f"mean {float(made.mean()):.4g} for {float(pooled.mean()):.4g} ({shift:+.1f} standard errors)"
        )
    p = float(stats.ks_2samp(made[:200_000].numpy(), pooled[-200_000:].numpy()).pvalue)
    if p < SURE:
        found.append(f"another distribution (p = {p:.0e} by Kolmogorov and Smirnov)")
    return found


def _parts(first: Any, second: Any, made: Any) -> list[str]:
    """Compare the std of parts of the first axis: experts, groups, projections that are one tensor."""
    found = []
    n = first.shape[0]
    wide = max(_kurtosis(first) - 1, 0.05)
    for parts in {2, 3, 4, *([n] if n <= 16 else [])}:
        if n % parts or made.numel() // parts < 200 or parts < 2:
            continue
        ours, one, other = (each.reshape(parts, -1).std(1, unbiased=False) for each in (made, first, second))
        theirs = ((one**2 + other**2) / 2).sqrt()
        off = (ours / theirs).log() / math.sqrt(wide / 4 * 1.5 * parts / made.numel())
        if float(off.abs().max()) > STANDARD_ERRORS + 1:
            worst = int(off.abs().argmax())
            found.append(f"std of part {worst} of {parts}: {float(off[worst]):+.1f} standard errors")
    return found


def _correlated(first: Built, made: Built, names: Iterable[str]) -> list[str]:
    """Find two tensors of one shape that are drawn alike here, and not in eager torch."""
    found = []
    alike: dict[tuple[int, ...], list[str]] = {}
    for name in names:
        shape = tuple(made.tensors[name].value.shape)
        if made.tensors[name].value.numel() >= 64 and len(alike.setdefault(shape, [])) < 12:
            alike[shape].append(name)
    for group in alike.values():
        for position, name in enumerate(group):
            for other in group[:position]:
                here = _correlation(made.tensors[name].value, made.tensors[other].value)
                there = _correlation(first.tensors[name].value, first.tensors[other].value)
                if here > STANDARD_ERRORS + 1 > there:
                    found.append(f"{name} and {other} are correlated ({here:.1f} standard errors)")
    return found


def _correlation(left: Any, right: Any) -> float:
    """Return a correlation in standard errors."""
    left, right = (each.double().flatten() - each.double().mean() for each in (left, right))
    scale = float(left.norm() * right.norm())
    return abs(float(left @ right)) / scale * math.sqrt(left.numel()) if scale else 0.0
