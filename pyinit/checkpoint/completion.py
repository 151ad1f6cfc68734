"""What makes files of tensors a checkpoint: the receipt, the configuration and the index beside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from ..errors import FormatError
from ..stream.strict_json import parsed
from .digest import Digest, combined, crc32_of_file
from .local import LocalTarget
from .parts import Part, assigned
from .places import target_of
from .plan import CheckpointPlan
from .receipt import Receipt, digests_of
from .results import ExtentResult
from .shards import index_content, index_name
from .targets import Target

__all__ = ["companions", "incomplete", "intact", "is_complete", "receipt_of"]


def receipt_of(plan: CheckpointPlan, done: Mapping[int, Digest | None]) -> Receipt:
    """Return the receipt of a plan, with the digests of all extents by their numbers if it has them."""
    sums: dict[str, list[Digest]] = {}
    if plan.digest:
        sums = {draft.name: [] for draft in plan.blueprint.drafts}
        for extent in plan.extents:
            digest = done[extent.index]
            assert digest is not None, "a plan with a digest has that of every extent"
            sums[extent.tensor].append(digest)
    whole = {name: combined(parts) for name, parts in sums.items()}
    texts = digests_of(plan.texts)
    return Receipt(plan.blueprint, plan.shards, whole, plan.fingerprint, plan.layout, texts)


def companions(plan: CheckpointPlan, receipt: Receipt) -> Iterator[tuple[str, bytes]]:
    """Yield the small files (name, content) that lie beside those of tensors."""
    if not plan.is_file:
        yield "init.json", receipt.to_json().encode()
        yield from ((name, text.encode()) for name, text in plan.texts.items())
    if (name := index_name(plan.stem)) in plan.last:
        yield name, index_content(plan.shards)


def is_complete(plan: CheckpointPlan) -> bool:
    """Tell whether the checkpoint of a plan is there already; only a directory with a receipt can say so.

    The receipt of this plan, all names and all sizes decide: that costs one listing. What the files hold is
    not read: `pyinit.verify` does that.
    """
    if plan.is_file:
        return False
    target, receipt = target_of(plan), "init.json"
    text = target.read(receipt)
    if text is None:
        return False
    content = parsed(text, str(plan.directory / receipt), FormatError)
    if not isinstance(content, dict) or content.get("plan") != plan.fingerprint:
        return False
    sizes = target.sizes()
    return {*plan.first, *plan.last} <= sizes.keys() and all(
        sizes.get(shard.name) == shard.nbytes for shard in plan.shards
    )


def intact(
    plan: CheckpointPlan, target: Target, results: Iterable[ExtentResult]
) -> Iterator[tuple[int, Digest | None]]:
    """Yield, as (number, digest), the results whose bytes are still in their unfinished file.

    Between two calls of `run_extent` nobody holds it: it may have been removed, and begun again without them.
    So they are read; an object store lists the pieces that are there.
    """
    for result in results:
        extent = plan.extents[result.index]
        if isinstance(target, LocalTarget) and result.crc32 is not None:
            partial = target.partial(plan.shards[extent.file].name)
            if partial.exists() and crc32_of_file(partial, extent.offset, extent.nbytes) != result.crc32:
                continue
        yield result.index, result.digest


def incomplete(plan: CheckpointPlan, files: Sequence[int], parts: Sequence[Part]) -> str:
    """Say which files are not complete and, where parts have written, which of them are to write these."""
    names = ", ".join(plan.shards[file].name for file in files[:3])
    if len(files) > 3:
        names += f" and {len(files) - 3} more"
    count = max((part.count for part in parts), default=1)
    if count == 1:
        return f"{names} in {plan.directory}: not complete; run what is missing, then finish"
    sizes = [shard.nbytes for shard in plan.shards]
    every = (Part(index, count) for index in range(count))
    late = [str(part) for part in every if set(assigned(sizes, part)) & set(files)]
    subject = f"part {late[0]} is" if len(late) == 1 else f"parts {', '.join(late)} are"
    return f"{subject} missing: {names} in {plan.directory} not complete; run that, then --finish"
