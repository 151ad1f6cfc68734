#!/usr/bin/env bash
# What the ports of a processor allow, by LLVM's model: cycles an element of each float32 fill's inner loops, and
# cycles a vector fma of a product's.
#
#   bash benchmarks/ports.sh [--lines] [build/core/libpyinit_core.a]
#
# With --lines it prints what `pyinit bench --ports FILE` reads: instruction set, fill, processor, ports, simulated.
#
# Reads the loops out of the built library (objdump), and has llvm-mca run each of them on the models of
# processors. Needs binutils and llvm-mca (Debian: llvm-19; one that does not know a processor leaves it out). Why
# a model: it says the same on every machine, whatever else runs there.
#
# Two figures for each processor, in cycles an element, one thread, output in the nearest cache:
#   ports      what its ports allow if nothing has to wait for anything
#   simulated  with the waiting, as far ahead as the model's schedulers see
# The model knows no cache, no jump that is guessed wrong, and of a fill nothing but its inner loops. Zen 3 sees
# further ahead than its model: Philox made at once took 2.05 cycles an element there, and 2.64 by the model. A fill
# that is drawn in stages has a line for each stage, and their sum; zeros come on top of a normal, and zeros by
# chance on top of words, too. An element of a product is one vector of multiply-adds, of which these processors do
# two a cycle; Zen 4 does one of 512 bits, and so does Sapphire Rapids by the model of LLVM 14, which knows one of
# its two ports. Statistics are without the counting of a histogram, which is no vector's work: for two numbers, a
# counter is loaded, added to and stored.
set -euo pipefail

lines=
if [[ ${1:-} == --lines ]]; then
  lines=yes
  shift
fi
library=${1:-build/core/libpyinit_core.a}
[[ -r $library ]] || {
  echo "ports.sh needs the core's library, as \"csrc/README.md\" says how to build it; got $library." >&2
  exit 2
}
mca=${LLVM_MCA:-$(compgen -c llvm-mca | sort -V | tail -1 || true)}
[[ -n $mca ]] || {
  echo "ports.sh needs llvm-mca. Install it (Debian: llvm-19), or name it in LLVM_MCA." >&2
  exit 2
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# Fill | stage | function, without its arguments | bytes that the stage stores for each element; or, where its loop
# stores nothing, "=" and the elements of one turn. Of functions of one fill, those are read that the library has.
loops() {
  local set="pyinit::simd::$1" words="pyinit::simd::$2"
  local chains="pyinit::simd::$4" normal="pyinit::fill::StagedNormal<$set>" curve at_once
  local truncated="pyinit::fill::StagedInOrder<$set, pyinit::rng::SymmetricTruncatedNormal<$chains>, false>"
  cat <<END
words|at once|void pyinit::fill::Groups<$words, pyinit::rng::Bits<$words>>::consecutive<unsigned int*>|4
uniform|at once|void pyinit::fill::Groups<$words, pyinit::rng::Uniform<$words, float>>::consecutive<float*>|4
normal|at once|void pyinit::fill::Groups<$set, pyinit::rng::Normal<$set, float>>::consecutive<float*>|4
normal|words|void $normal::words<pyinit::fill::BlocksInOrder|4
normal|radii|$normal::radii|2
normal|weights|void $normal::weights<true, float*>|4
truncated|at once|void pyinit::fill::Groups<$set, pyinit::rng::SymmetricTruncatedNormal<$set>>::consecutive<float*>|4
truncated|words|void pyinit::fill::OrderedWords<$set>::make<pyinit::fill::BlocksInOrder|4
truncated|weights|void $truncated::weights<float*>|4
chance zeros|mask|void pyinit::fill::zero_by_chance<$set, float>|4
column zeros|shuffle|void pyinit::fill::zero_in_columns<$set, float>|=$3
product32|tile|void pyinit::dense::packed_tile<$set, float, $5>|=$6
product64|tile|void pyinit::dense::packed_tile<$set, double, $7>|=$6
statistics|extremes|bool pyinit::probe::find_extremes<$set, false>|=$8
statistics|sums|void pyinit::probe::add_up<$set, pyinit::probe::LinearPairCounts<$set, true>>|4
END
  # Without InverseSoftplus: a rare case inside of its loop is a loop, too, and would be taken for it.
  for curve in LogUniform LogOfUniform LogDecay; do
    at_once="void pyinit::fill::Groups<$set, pyinit::rng::Transformed<$set, float, pyinit::rng::$curve>>::consecutive<float*>"
    cat <<END
$curve|at once|$at_once|4
$curve|words|void pyinit::fill::OrderedWords<$set>::make<pyinit::fill::BlocksInOrder|4
$curve|weights|void pyinit::fill::StagedInOrder<$set, pyinit::rng::Transformed<$chains, float, pyinit::rng::$curve>, true>::weights<float*>|4
END
  done
}

# Writes the instructions of the function's hottest loop: of the loops without a loop inside, the first of those
# that store most, or that are longest where `by` says so. The first line says how many bytes that is, and how many
# vector instructions.
inner_loop() {
  awk -v name="$1" -v by="${2:0:1}" '
    function width(text) { return text ~ /%zmm/ ? 64 : text ~ /%ymm/ ? 32 : 16 }
    # A vector register goes to memory that is not the stack, where registers are spilled: below the frame pointer
    # in a function that aligns its frame.
    function stored(text) {
      return text ~ /^vmov[a-z0-9]+ +%[xyz]mm[0-9]+,[^%]*\(/ && text !~ /\(%rsp/ && text !~ /-0x[0-9a-f]+\(%rbp\)/ \
        ? width(text) : 0
    }
    index($0, "<" name) && / <.*>:$/ { inside = 1; next }
    inside && /^$/ { exit }
    inside && match($0, /^ *[0-9a-f]+:/) {
      at = substr($0, RSTART, RLENGTH - 1); gsub(/ /, "", at)
      text = substr($0, RSTART + RLENGTH); sub(/^[ \t]+/, "", text); sub(/ *#.*/, "", text)
      place[at] = ++count
      # A jump back without a condition leads from a rare case into the loop.
      if (text ~ /^j/ && text !~ /^jmp/) { split(text, part, / +/); target[count] = part[2] }
      if (text ~ /^(j|call)/) sub(/ .*/, " 0", text)
      line[count] = text
    }
    END {
      for (last = 1; last <= count; ++last) {
        first = (last in target) && (target[last] in place) ? place[target[last]] : last + 1
        # Every loop that is inside an earlier one ends earlier, too.
        if (first > last || first <= inner_end && first <= inner_begin) continue
        inner_begin = first; inner_end = last; bytes = 0; vectors = 0
        for (i = first; i <= last; ++i) { bytes += stored(line[i]); vectors += line[i] ~ /^v/ }
        if (by == "=") bytes = vectors
        if (bytes > most) { most = bytes; most_vectors = vectors; begin = first; end = last }
      }
      if (most == 0) exit 1
      print most, most_vectors
      for (i = begin; i <= end; ++i) print line[i]
    }' "$scratch/disassembly"
}

# Whether llvm-mca has a model of the processor.
known() {
  local said
  said=$(echo nop | "$mca" -mcpu="$1" 2>&1)
  [[ $said != *"not a recognized processor"* ]]
}

# Cycles of a turn of a loop: by the ports, and simulated.
cycles() {
  "$mca" -mcpu="$1" -iterations=200 "$2" 2>"$scratch/errors" | awk '
    /^Total Cycles:/ && !total { total = $3 }
    /^Block RThroughput:/ && !ports { ports = $3 }
    END { if (!total) exit 1; print ports, total / 200 }' || {
    cat "$scratch/errors" >&2
    return 1
  }
}

# fill|stage|vector instructions|cycles|... of every loop of an instruction set, an element.
model() {
  local fill stage name bytes stored vectors processor pair seen=""
  while IFS='|' read -r fill stage name bytes; do
    inner_loop "$name" "$bytes" >"$scratch/loop" || continue
    seen+="|$fill|"
    read -r stored vectors <"$scratch/loop"
    if [[ $bytes == =* ]]; then stored=${bytes:1} bytes=1; fi
    tail -n +2 "$scratch/loop" >"$scratch/loop.s"
    printf '%s|%s|%s' "$fill" "$stage" "$(awk "BEGIN { print $vectors * $bytes / ($stored) }")"
    for processor in "${processors[@]}"; do
      pair=$(cycles "$processor" "$scratch/loop.s")
      printf '|%s' "$(awk "{ print \$1 * $bytes / ($stored), \$2 * $bytes / ($stored) }" <<<"$pair")"
    done
    printf '\n'
  done < <(loops "$@")
  for fill in words uniform normal truncated "chance zeros" "column zeros" LogUniform LogOfUniform LogDecay product32 product64 statistics; do
    [[ $seen == *"|$fill|"* ]] && continue
    echo "ports.sh needs a function of $1 for \"$fill\" in $library and found none. Correct its name in loops()." >&2
    return 1
  done
}

# Templates in templates end in ">>", whoever writes their names.
objdump -d -C --no-show-raw-insn "$library" | sed ':again; s/> >/>>/; t again' >"$scratch/disassembly"
for name in avx2 avx512; do
  if [[ $name == avx2 ]]; then
    # A turn of zeros is one round of 24, for 8 rows of 8 columns; of a product, 8 steps of 6 rows of two vectors.
    sets=('Avx2Of<2>' 'Avx2Of<1>' "$((8 * 8))/24" 'Avx2Of<4>' 16ul "$((8 * 6 * 2))" 8ul 16)
    candidates=(znver3 znver4 skylake-avx512)
  else
    sets=('Avx512Of<2>' 'Avx512Of<2>' "$((4 * 32))/24" 'Avx512Of<4>' 32ul "$((8 * 12 * 2))" 16ul 32)
    candidates=(znver4 skylake-avx512 sapphirerapids)
  fi
  processors=()
  for processor in "${candidates[@]}"; do
    if known "$processor"; then processors+=("$processor"); else echo "$mca does not know $processor" >&2; fi
  done
  model "${sets[@]}" >"$scratch/model"
  if [[ -n $lines ]]; then
    awk -F '|' -v set="$name" -v names="${processors[*]}" '
      { for (i = 4; i <= NF; ++i) { split($i, pair, " "); ports[$1, i] += pair[1]; all[$1, i] += pair[2] } }
      !seen[$1]++ { order[++fills] = $1 }
      END {
        count = split(names, processor, " ")
        for (f = 1; f <= fills; ++f) for (p = 1; p <= count; ++p)
          printf "%s|%s|%s|%.3f|%.3f\n", set, order[f], processor[p], ports[order[f], p + 3], all[order[f], p + 3]
      }' "$scratch/model"
    continue
  fi
  printf '%s, cycles an element (ports / simulated)\n%-13s %-8s %13s' "$name" fill stage "vector instr."
  printf ' %16s' "${processors[@]}"
  printf '\n'
  awk -F '|' '
    function show(fill, stage, row,   i, pair) {
      printf "%-13s %-8s %13.2f", fill, stage, row[3]
      for (i = 4; i <= NF; ++i) { split(row[i], pair, " "); printf " %16s", sprintf("%.2f / %.2f", pair[1], pair[2]) }
      printf "\n"
    }
    function close_fill() { if (stages > 1) show(fill, "sum", sum) }
    {
      if ($1 != fill) { close_fill(); stages = 0; fill = $1; split("", sum) }
      ++stages; split($0, row, "|"); show($1, $2, row)
      sum[3] += row[3]
      for (i = 4; i <= NF; ++i) {
        split(row[i], pair, " "); split(sum[i], old, " ")
        sum[i] = old[1] + pair[1] " " old[2] + pair[2]
      }
    }
    END { close_fill() }' "$scratch/model"
  printf '\n'
done
