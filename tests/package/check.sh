#!/usr/bin/env bash
# Installs a build, moves the installed tree, and builds and runs a consumer against it.
# Usage: check.sh SOURCE_DIR BUILD_DIR
set -euo pipefail
source_dir=$1
build_dir=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$build_dir" --prefix "$work/installed" >/dev/null
mv "$work/installed" "$work/moved"

cmake -S "$source_dir/tests/package" -B "$work/cmake" -G Ninja -DCMAKE_PREFIX_PATH="$work/moved" >/dev/null
cmake --build "$work/cmake"
"$work/cmake/consumer"

export PKG_CONFIG_PATH=$work/moved/lib/pkgconfig
read -ra flags < <(pkg-config --cflags --libs tendon)
c++ "$source_dir/tests/package/consumer.cpp" "${flags[@]}" -Wl,-rpath,"$work/moved/lib" -o "$work/consumer"
"$work/consumer"

"$work/moved/bin/tendon" --version
