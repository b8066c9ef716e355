# To be sourced: installs what this machine lacks: Debian packages of src/base/components.def, the Python of the oracle tests, the CUDA compiler.
# shellcheck shell=bash

# install_missing USE…: USE is run, build or test.
install_missing() {
  local root uses wanted missing
  root=$(dirname "${BASH_SOURCE[0]}")/..
  uses=$(IFS='|' && echo "$*")
  readarray -t wanted < <(sed -n -E "s/^TENDON_COMPONENT\((${uses}), \"([^\"]+)\".*/\2/p" \
    "$root/src/base/components.def" | sort)
  readarray -t missing < <(comm -23 <(printf '%s\n' "${wanted[@]}") \
    <(dpkg-query -W -f='${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null |
      sed -n 's/^installed //p' | sort))
  if [[ ${#missing[@]} -eq 0 ]]; then return; fi

  local install=(apt-get install -y --no-install-recommends "${missing[@]}")
  if [[ $EUID -ne 0 ]] || ! command -v apt-get >/dev/null; then
    echo "Missing packages. As root on Debian 12, run:" >&2
    echo "  apt-get update && ${install[*]}" >&2
    return 1
  fi
  echo "Installing ${missing[*]}"
  mkdir -p "$root/build"
  local log=$root/build/packages.log
  export DEBIAN_FRONTEND=noninteractive
  if ! { apt-get update && "${install[@]}"; } >"$log" 2>&1 </dev/null; then
    tail -n 30 "$log" >&2
    echo "apt-get failed; its whole output is in build/packages.log" >&2
    return 1
  fi
}

# make_python: build/venv/bin/python with tests/oracle/requirements.txt.
make_python() {
  local root requirements
  root=$(dirname "${BASH_SOURCE[0]}")/..
  requirements=$root/tests/oracle/requirements.txt
  if cmp -s "$requirements" "$root/build/venv/requirements.txt"; then return; fi
  echo "Making the Python environment of the oracle tests"
  mkdir -p "$root/build"
  rm -rf "$root/build/venv"
  python3 -m venv "$root/build/venv"
  "$root/build/venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements"
  cp "$requirements" "$root/build/venv"
}

# make_cuda: build/cuda/nvidia/cu13/bin/nvcc of cmake/cuda-requirements.txt; needs make_python.
make_cuda() {
  local root requirements
  root=$(dirname "${BASH_SOURCE[0]}")/..
  requirements=$root/cmake/cuda-requirements.txt
  if cmp -s "$requirements" "$root/build/cuda/requirements.txt"; then return; fi
  echo "Installing the CUDA compiler"
  rm -rf "$root/build/cuda"
  "$root/build/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes \
    --target "$root/build/cuda" --requirement "$requirements"
  cp "$requirements" "$root/build/cuda/requirements.txt"
}
