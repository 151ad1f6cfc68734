"""Resets that are like earlier ones, and plain draws, are recorded as the general way records them."""

import pytest

torch = pytest.importorskip("torch")

from torch.nn.utils import parametrizations  # noqa: E402

from pyinit.torch import deferred, materialize  # noqa: E402
from pyinit.torch.materialization import outright, resets, walking  # noqa: E402
from pyinit.torch.materialization.beginnings import record  # noqa: E402

pytestmark = pytest.mark.interop

nn = torch.nn


def recorded(module):
    """Return a module's recording as text, with torch's counts of writes, which a recording leaves alone."""
    tensors = [tensor for tensor in module.state_dict(keep_vars=True).values() if tensor.is_meta]
    counts = [tensor._version for tensor in tensors]
    found = record(module)
    assert counts == [tensor._version for tensor in tensors]
    return {name: repr((each.view, each.writes)) for name, each in found.items()}, counts


def general(monkeypatch):
    """Leave the short ways out."""
    monkeypatch.setattr(resets.Resets, "run", lambda *given: False)
    monkeypatch.setattr(outright.Outright, "read", lambda *given: None)


def pair(make):
    """Return a module of three parts that are built alike."""
    return nn.Sequential(*(make() for _ in range(3)))


class Scaled(nn.Linear):
    """A layer whose own reset does more."""

    def reset_parameters(self):
        super().reset_parameters()
        with torch.no_grad():
            self.weight.mul_(0.5)


def differing():
    """Return a layer whose reset was replaced in the object."""
    layer = nn.Linear(4, 3)
    layer.reset_parameters = lambda: nn.init.ones_(layer.weight)
    return layer


def tied():
    """Return a part with one tensor under two names."""
    layer = nn.Embedding(6, 4)
    layer.register_parameter("again", layer.weight)
    return layer


LAYERS = {
    "linear": lambda: nn.Linear(4, 3),
    "without bias": lambda: nn.Linear(4, 3, bias=False),
    "half": lambda: nn.Linear(4, 3, dtype=torch.bfloat16),
    "embedding": lambda: nn.Embedding(6, 4),
    "padded": lambda: nn.Embedding(6, 4, padding_idx=2),
    "convolution": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "transposed": lambda: nn.ConvTranspose1d(4, 6, 3),
    "bilinear": lambda: nn.Bilinear(3, 4, 5),
    "layer norm": lambda: nn.LayerNorm(5),
    "batch norm": lambda: nn.BatchNorm1d(5),
    "lstm": lambda: nn.LSTM(3, 4, num_layers=2),
    "attention": lambda: nn.MultiheadAttention(8, 2),
    "transformer": lambda: nn.TransformerEncoderLayer(8, 2, 16),
    "own reset": lambda: Scaled(4, 3),
    "replaced": differing,
    "tied": tied,
    "parametrized": lambda: parametrizations.weight_norm(nn.Linear(4, 3)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_recorded_as_if_each_were_run(name, monkeypatch):
    with torch.device("meta"):
        module = pair(LAYERS[name])
    short = recorded(module)
    general(monkeypatch)
    assert short == recorded(module)


def test_a_layer_that_differs_in_one_setting_is_run(monkeypatch):
    made = (
        lambda: nn.Linear(4, 3),
        lambda: nn.Linear(3, 4),
        lambda: nn.Embedding(6, 4),
        lambda: nn.Embedding(6, 4, padding_idx=1),
        lambda: nn.Conv1d(4, 4, 3),
        lambda: nn.Conv1d(4, 4, 3, groups=2),
        lambda: nn.Linear(4, 3, dtype=torch.float64),
    )
    with torch.device("meta"):
        module = nn.Sequential(*(make() for _ in range(2) for make in made))
    short = recorded(module)
    general(monkeypatch)
    assert short == recorded(module)


def test_real_tensors_beside_meta_ones_stay_and_are_not_recorded(monkeypatch):
    with torch.device("meta"):
        module = pair(lambda: nn.Linear(4, 3))
    module[1].bias = nn.Parameter(torch.full((3,), 7.0))
    short = recorded(module)
    assert "1.bias" not in short[0]
    assert module[1].bias.tolist() == [7.0] * 3
    general(monkeypatch)
    assert short == recorded(module)


def test_the_second_layer_is_not_run(monkeypatch):
    runs = []
    with torch.device("meta"):
        module = pair(lambda: nn.Linear(4, 3))
    original = resets.Resets._written
    monkeypatch.setattr(resets.Resets, "_written", lambda *a: (runs.append(1), original(*a))[1])
    record(module)
    assert len(runs) == 1


class Watching(torch.overrides.TorchFunctionMode):
    """A mode of somebody else's."""

    def __init__(self):
        super().__init__()
        self.seen = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.seen += func in (nn.init.kaiming_uniform_, nn.init.uniform_)
        return func(*args, **(kwargs or {}))


def test_another_mode_sees_every_layer():
    with torch.device("meta"):
        module = pair(lambda: nn.Linear(4, 3))
    with Watching() as mode:
        record(module)
    assert mode.seen == 6


CALLS = {
    "method": lambda w: w.normal_(),
    "numbers": lambda w: w.normal_(1, 0.5),
    "names": lambda w: w.normal_(mean=1.0, std=2.0),
    "generator": lambda w: w.normal_(0.0, 2.0, generator=torch.Generator()),
    "uniform": lambda w: w.uniform_(-1, 3),
    "uniform of names": lambda w: w.uniform_(to=3.0),
    "from": lambda w: w.uniform_(**{"from": -2.0}),
    "equal bounds": lambda w: w.uniform_(2.0, 2.0),
    "fill": lambda w: w.fill_(0.25),
    "negative zero": lambda w: (w.fill_(0.0), w.fill_(-0.0)),
    "infinite": lambda w: w.fill_(float("inf")),
    "not a number": lambda w: w.fill_(float("nan")),
    "a tensor": lambda w: w.fill_(torch.tensor(0.5)),
    "boolean": lambda w: w.fill_(True),
    "zero": lambda w: w.zero_(),
    "init": lambda w: nn.init.normal_(w, std=0.02),
    "init by position": lambda w: nn.init.uniform_(w, -0.1, 0.1),
    "init of a generator": lambda w: nn.init.uniform_(w, -0.1, 0.1, torch.Generator()),
    "constant": lambda w: nn.init.constant_(w, 3),
    "ones": lambda w: nn.init.ones_(w),
    "rows": lambda w: w[1:].normal_(),
    "transposed view": lambda w: w.t().uniform_(),
    "twice": lambda w: (w[:1].zero_(), nn.init.normal_(w), w[2].fill_(1.0)),
    "refused": lambda w: nn.init.normal_(w, std=-1.0),
    "of numbers": lambda w: w.normal_(torch.tensor(1.0), 0.5),
}


def written_by(call, dtype=torch.float32, shape=(4, 3)):
    """Return the recording of a module whose method makes a call, or the error."""

    class Module(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.empty(shape, dtype=dtype), requires_grad=dtype.is_floating_point)

        def reset_parameters(self):
            with torch.no_grad():
                self.w.zero_()
                call(self.w)

    with torch.device("meta"):
        module = Module()
    try:
        return recorded(module)
    except Exception as error:
        return type(error), str(error)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.complex64, torch.int64], ids=str)
def test_calls_are_recorded_as_torch_would_make_them(name, dtype, monkeypatch):
    short = written_by(CALLS[name], dtype)
    general(monkeypatch)
    assert short == written_by(CALLS[name], dtype)


@pytest.mark.parametrize("name", CALLS)
def test_calls_of_constructors_are_recorded_as_torch_would_make_them(name, monkeypatch):
    def made():
        class Module(nn.Module):
            def __init__(self):
                super().__init__()
                self.w = nn.Parameter(torch.ones(4, 3))
                with torch.no_grad():
                    CALLS[name](self.w)

        try:
            with deferred():
                module = Module()
            return recorded(module)
        except Exception as error:
            return type(error), str(error)

    short = made()
    general(monkeypatch)
    assert short == made()


def test_torch_refuses_to_change_a_leaf_of_autograd():
    with pytest.raises(RuntimeError, match="leaf"), deferred():
        nn.Parameter(torch.ones(3)).normal_()


def test_transformers_own_functions_leave_marked_tensors(monkeypatch, torchvision_loads):
    transformers = pytest.importorskip("transformers")
    config = transformers.LlamaConfig(
        hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2, vocab_size=12
    )

    def made():
        with torch.device("meta"):
            module = transformers.LlamaForCausalLM(config)
        # as a part that was loaded from a file
        module.lm_head.weight = nn.Parameter(torch.full((12, 8), 3.0))
        module.lm_head.weight._is_hf_initialized = True
        return recorded(module), module.lm_head.weight.mean().item()

    short = made()
    assert short[1] == 3.0
    general(monkeypatch)
    assert short == made()


class Overriding(nn.Module):
    """A module that names its parts in its own way."""

    def __init__(self):
        super().__init__()
        self.part = nn.Linear(2, 2)

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        yield prefix, self
        yield f"{prefix}.own", self.part


def test_parts_and_tensors_are_those_of_torch_in_its_order():
    shared = nn.Linear(2, 2)
    module = nn.Sequential(
        shared,
        nn.Sequential(nn.BatchNorm1d(2), shared, nn.ReLU()),
        Overriding(),
        nn.ModuleDict({"a": shared}),
    )
    module.register_module("none", None)
    module[0].register_parameter("none", None)
    assert walking.named_parts(module) == list(module.named_modules())
    repeated = list(module.named_modules(remove_duplicate=False))
    assert walking.named_parts(module, repeated=True) == repeated
    parameters, buffers = walking.registered(module)
    assert [(name, id(each)) for name, each in parameters] == [
        (name, id(each)) for name, each in module.named_parameters(remove_duplicate=False)
    ]
    assert [(name, id(each)) for name, each in buffers] == [
        (name, id(each)) for name, each in module.named_buffers(remove_duplicate=False)
    ]


def test_values_are_those_of_the_general_way(monkeypatch):
    def made():
        with torch.device("meta"):
            module = nn.Sequential(nn.Linear(4, 3), nn.Linear(4, 3), nn.Conv1d(3, 2, 2), nn.Embedding(5, 2))
        return materialize(module, key=3).state_dict()

    short = made()
    general(monkeypatch)
    for name, value in made().items():
        assert torch.equal(value, short[name]), name
