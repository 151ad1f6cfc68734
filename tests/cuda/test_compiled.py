"""NVIDIA's compiler makes of every kernel what its source says: each rounding, and no other.

No device is needed for it. What a device's assembler may do with PTX is written there: ``add.rn`` is never
joined with a multiplication, ``add`` without ``.rn`` may be.
"""

from __future__ import annotations

import re

import pytest

from pyinit.cuda.compiler import LEAST_ARCH, Compiler, choose, installed
from pyinit.cuda.programs import OPTIONS, Program, programs

pytestmark = pytest.mark.interop

# a line for each number of operands that contraction would change
ARITHMETIC = re.compile(r"\b(?:add|sub|mul|div|fma|mad|sqrt|rsqrt|rcp|cvt)[.\w]*\.(?:f16x2|bf16x2|f32|f64)\b")
# conversions that are exact, and need no rounding: from a float to a wider one
EXACT = re.compile(r"cvt\.f64\.f32|cvt\.f32\.(?:f16|bf16)")
ROUNDED = re.compile(r"\.rn\b")


@pytest.fixture(scope="module")
def compiler() -> Compiler:
    if not installed():
        pytest.skip("needs nvidia-cuda-nvrtc")
    return choose(99)


def ptx(compiler: Compiler, program: Program, arch: int, *options: str) -> str:
    return compiler.compile(program, f"compute_{arch}", *options).decode().rstrip("\0")


def count_of_fma(text: str) -> int:
    return len(re.findall(r"\bfma\.rn\.f(?:32|64)\b", text))


def faults(text: str) -> list[str]:
    """Return the instructions of a kernel that do not round once, to nearest even, with subnormals kept."""
    found = [each for each in ARITHMETIC.findall(text) if not ROUNDED.search(each) and not EXACT.match(each)]
    return found + re.findall(r"\b\w[.\w]*\.(?:approx|ftz|sat|rz|full)[.\w]*", text)


@pytest.mark.parametrize("name", programs())
def test_every_operation_rounds_as_written(compiler: Compiler, name: str) -> None:
    program = programs()[name]
    for arch in (75, 90):
        text = ptx(compiler, program, arch)
        assert faults(text) == []
        # flags decide nothing: the sources name each fma
        assert count_of_fma(ptx(compiler, program, arch, "-fmad=true")) == count_of_fma(text)


@pytest.mark.parametrize("name", ["normal_float32", "normal_float64", "uniform_bfloat16"])
def test_a_block_is_one_store_and_nothing_goes_through_memory(compiler: Compiler, name: str) -> None:
    text = ptx(compiler, programs()[name], 90)
    vector = {"normal_float32": r"st[.\w]*\.v4\.\w32", "normal_float64": r"st[.\w]*\.v2\.\w64"}
    assert re.search(vector.get(name, r"st[.\w]*\.v2\.\w32"), text)
    assert ".local" not in text
    assert "call" not in text


def test_every_kernel_compiles_to_machine_code_for_some_architecture(compiler: Compiler) -> None:
    known = [arch for arch in compiler.architectures() if arch >= LEAST_ARCH]
    assert {75, 80, 90, 120} <= set(known)
    for number, program in enumerate(programs().values()):
        code = compiler.compile(program, compiler.target(known[number % len(known)]))
        assert code.startswith(b"\x7fELF")


@pytest.mark.slow
@pytest.mark.parametrize("name", programs())
def test_every_kernel_compiles_for_every_architecture(name: str) -> None:
    for compiler in installed():
        for arch in compiler.architectures():
            if arch >= LEAST_ARCH:
                assert compiler.compile(programs()[name], f"sm_{arch}").startswith(b"\x7fELF")


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("a[0] = a[1] * a[2] + a[3];", ["-fmad=true"]),
        ("a[0] = a[1] / a[2];", ["-prec-div=false"]),
        ("a[0] = __fsqrt_rn(a[1]) + sqrtf(a[2]);", ["-prec-sqrt=false"]),
        ("a[0] = __fmul_rn(a[1], a[2]);", ["-ftz=true"]),
    ],
)
def test_the_check_sees_other_arithmetic(compiler: Compiler, text: str, options: list[str]) -> None:
    source = f'extern "C" __global__ void mutant(float* a) {{ {text} }}'
    made = ptx(compiler, Program("mutant", source), 90, *options)
    right = ptx(compiler, Program("right", source), 90)
    assert faults(right) == []
    assert faults(made) != [] or count_of_fma(made) != count_of_fma(right)


def test_the_compiler_is_told_not_to_contract() -> None:
    assert {"-fmad=false", "-ftz=false"} <= set(OPTIONS)
