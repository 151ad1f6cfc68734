#!/bin/bash
# Writes a checkpoint with all ranks of an MPI job, each its own files:
#
#   RANKS=16 examples/mpirun.sh llama-70b --out /shared/llama-70b --seed 0
#
# pyinit reads its rank from the variables of Open MPI, or of PMI (MPICH, Intel MPI), and needs no library of MPI:
# ranks do not talk to each other. The rank that ends last adds configuration, receipt and index.
set -euo pipefail

mpirun -np "${RANKS:-4}" pyinit init "$@" --part auto
