"""The initial file of a Llama from its configuration: streamed, and by `from_config` and `save_pretrained`.

`python benchmarks/torch/module_files.py [--layers N] [--rounds N] [--folder FOLDER]` lets the two take turns,
each in a process of its own that has imported its libraries before the clock starts, and prints seconds,
those of processors, the ratios, and by how much each process has grown at most. With 22 layers it is
TinyLlama: 1.1 B float32 parameters, 4.4 GB. Both files are checked. Then Llama 3 70 B in bfloat16 is built
without memory, planned and listed; and one in a hundred of its extents, drawn at random, is written and
compared with that window of the recording which `materialize` replays.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from pyinit.cli.bench.answer import AnswerError
from pyinit.cli.bench.machine import describe
from pyinit.stream.safetensors import read_header

TINY_LLAMA = {
    "hidden_size": 2048,
    "intermediate_size": 5632,
    "num_attention_heads": 32,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    "vocab_size": 32000,
}
LLAMA_3_70B = {
    "hidden_size": 8192,
    "intermediate_size": 28672,
    "num_hidden_layers": 80,
    "num_attention_heads": 64,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
    "dtype": "bfloat16",
}
WAYS = ("pyinit", "transformers")


def work(way: str, fields: dict[str, Any], folder: str) -> None:
    """Do one thing in this process, and print seconds, KiB and seconds of processors."""
    _declare_torchvision()
    import torch
    import transformers

    import pyinit.torch as pit
    from pyinit.torch.checkpoint.blueprint import draw_up

    config = transformers.LlamaConfig(**fields)
    # what is imported on the way belongs to neither
    small = {**fields, "num_hidden_layers": 1, "vocab_size": 64, "hidden_size": 64, "intermediate_size": 64}
    for number, size in enumerate((transformers.LlamaConfig(**small), config)):
        before, start, used = _peak_kib(), time.perf_counter(), time.process_time()
        place = Path(folder, str(number))
        if way == "transformers":
            transformers.AutoModelForCausalLM.from_config(size).save_pretrained(place)
        else:
            with pit.deferred():
                model = transformers.AutoModelForCausalLM.from_config(size)
            if way == "sample":
                sample(model, place)
            elif way == "plan":
                lines = len(list(draw_up(model, key=0).table()))
                assert lines == 3 + 9 * size.num_hidden_layers + 1, lines
            else:
                pit.write_checkpoint(model, place, key=0)
        seconds, grown = time.perf_counter() - start, _peak_kib() - before
        used = time.process_time() - used
    assert torch.get_num_threads() >= 1
    print(json.dumps([seconds, grown, used]))


def sample(model: Any, folder: Path) -> None:
    """Write one in a hundred extents of a module's files, and compare them with the recording's windows."""
    import torch

    import pyinit as pi
    from pyinit.checkpoint.plan import plan_blueprint
    from pyinit.torch.checkpoint.blueprint import draw_up
    from pyinit.torch.materialization.deciding import decided
    from pyinit.torch.materialization.replay import refill

    plan = plan_blueprint(draw_up(model, key=0), folder, shard_size=1 << 28, extent_bytes=1 << 26)
    begun = decided(model)
    chosen = np.random.default_rng(0).choice(len(plan.extents), -(-len(plan.extents) // 100), replace=False)
    for index in chosen.tolist():
        pi.run_extent(plan, index)
        extent = plan.extents[index]
        shard = plan.shards[extent.file]
        draft = next(each for each in shard.drafts if each.name == extent.tensor)
        written = folder / f".{shard.name}.{plan.tag}.partial"
        made = np.fromfile(written, np.uint8, extent.nbytes, offset=extent.offset)
        wanted = torch.empty(extent.shape, dtype=begun[extent.tensor].dtype)
        refill(begun[extent.tensor], wanted, pi.key(0), window=pi.Window(extent.start, draft.shape))
        if not torch.equal(torch.from_numpy(made).view(wanted.dtype).view(extent.shape), wanted):
            raise AnswerError(f"extent {index} of {extent.tensor} differs from the recording")
        written.unlink()


def _declare_torchvision() -> None:
    """Let transformers import torchvision, whose wheel for CUDA lacks operators beside a torch for CPUs."""
    import torch

    try:
        import torchvision  # noqa: F401
    except ImportError:
        return
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor a, Tensor b, float threshold) -> Tensor")


def _peak_kib() -> int:
    # getrusage would tell the parent's, which this process began as
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def check(folder: Path, layers: int, who: str) -> set[str]:
    """Raise AnswerError unless a file is a Llama at its start; return the names of its tensors."""
    file = folder / "1" / "model.safetensors"
    header = read_header(file)
    if len(header.tensors) != 3 + 9 * layers:
        raise AnswerError(f"{who} wrote {len(header.tensors)} tensors, not {3 + 9 * layers}")
    data = np.memmap(file, np.uint8, "r")
    for name in ("model.embed_tokens.weight", "model.layers.0.mlp.up_proj.weight", "model.norm.weight"):
        info = header.tensors[name]
        values = data[info.start : info.stop].view(np.float32).astype(np.float64)
        mean, std = (1.0, 0.0) if "norm" in name else (0.0, 0.02)
        room = 5 * max(std, 1e-9) / math.sqrt(values.size)
        if abs(values.mean() - mean) > room or abs(values.std() - std) > room:
            raise AnswerError(f"{who}'s {name} is off: {values.mean():.3g} +- {values.std():.3g}")
    return set(header.tensors)


def run(way: str, fields: dict[str, Any], folder: str) -> tuple[float, float, float]:
    """Return the seconds, MiB and processor seconds of one thing done in a process of its own."""
    command = [sys.executable, __file__, "--work", way, json.dumps(fields), folder]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds, kib, used = json.loads(done.stdout.splitlines()[-1])
    return seconds, kib / 1024, used


def main(layers: int, rounds: int, where: str | None) -> None:
    """Let both take turns, and print the table."""
    print(", ".join(f"{what}: {which}" for what, which in describe().items()))
    fields = {**TINY_LLAMA, "num_hidden_layers": layers}
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        names = []
        for way in WAYS:
            folder = tempfile.mkdtemp(dir=where)
            try:
                found[way].append(run(way, fields, folder))
                names.append(check(Path(folder), layers, way))
            finally:
                shutil.rmtree(folder)
        if names[0] != names[1]:
            raise AnswerError(f"the names differ: {sorted(names[0] ^ names[1])[:4]}")
    for way in WAYS:
        seconds, mebibytes, used = (statistics.median(column) for column in zip(*found[way], strict=True))
        print(f"{way:14}{seconds:8.2f} s{used:8.2f} s of processors{mebibytes:10.0f} MiB more", flush=True)
    pairs = list(zip(found["pyinit"], found["transformers"], strict=True))
    ratio, of_used = (statistics.median(theirs[at] / ours[at] for ours, theirs in pairs) for at in (0, 2))
    print(
        f"transformers / pyinit: {ratio:.1f}x, of processors {of_used:.1f}x, {rounds} rounds, {layers} layers"
    )
    seconds, mebibytes, _ = run("plan", LLAMA_3_70B, where or ".")
    print(f"Llama 3 70 B bfloat16: built, planned and listed in {seconds:.2f} s, {mebibytes:.0f} MiB more")
    folder = tempfile.mkdtemp(dir=where)
    try:
        run("sample", LLAMA_3_70B, folder)
    finally:
        shutil.rmtree(folder)
    print("of its extents one in a hundred was written, each equal to its window of the recording")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--work"]:
        work(sys.argv[2], json.loads(sys.argv[3]), sys.argv[4])
        raise SystemExit
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--layers", type=int, default=22)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default=None, help="where to write, such as /dev/shm")
    options = parser.parse_args()
    main(options.layers, options.rounds, options.folder)
