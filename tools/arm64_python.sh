#!/usr/bin/env bash
# Debian's Python for arm64 in a directory, for qemu-aarch64: bash tools/arm64_python.sh DIRECTORY
# apt-get with lists of its own, so that nothing is added to this machine's.
set -euo pipefail

mkdir -p "$1"
directory=$(cd "$1" && pwd)
version=$(python3 -c 'import sys; print(f"{sys.version_info.major}.{sys.version_info.minor}")')
mkdir -p "$directory"/apt/{state/lists/partial,cache/archives/partial,packages}
touch "$directory/apt/state/status"
apt=(-qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root
  -o Dir::State="$directory/apt/state" -o Dir::State::status="$directory/apt/state/status"
  -o Dir::Cache="$directory/apt/cache")
apt-get "${apt[@]}" update
cd "$directory/apt/packages"
apt-get "${apt[@]}" download "python$version-minimal" "libpython$version-minimal" "libpython$version-stdlib" \
  libc6 libgcc-s1 libstdc++6 zlib1g libexpat1 libffi8 libssl3 libbz2-1.0 liblzma5 libuuid1 libsqlite3-0 libcrypt1
for package in *.deb; do
  dpkg -x "$package" "$directory"
done
