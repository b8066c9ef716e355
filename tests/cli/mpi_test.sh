#!/usr/bin/env bash
# Calibrates with one, two and three processes of mpirun: the caches must be the same to the byte, and a bad
# frame must end all processes. Usage: mpi_test.sh TENDON MPIRUN SOURCE_DIR
set -euo pipefail
tendon=$1 mpirun=$2 policy=$3/examples/transfer_cube
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1

calibrate=("$tendon" calibrate "$policy/policy.onnx" --episodes "$policy/episodes" --stats "$policy/dataset_stats.pkl"
  --cameras 'top,left_wrist,right_wrist' --color rgb --frames 5 --threads 1 -q)
"${calibrate[@]}" -o "$folder/1"
for count in 2 3; do
  "$mpirun" --oversubscribe -n $count "${calibrate[@]}" -o "$folder/$count"
  cmp "$folder/1" "$folder/$count"
  cmp "$folder/1.json" "$folder/$count.json"
done
if ls "$folder"/*journal* 2>/dev/null; then
  echo "journals are left behind" >&2
  exit 1
fi

status=0
"$mpirun" --oversubscribe -n 2 "${calibrate[@]/top,left_wrist,right_wrist/top}" -o "$folder/bad" 2>"$folder/errors" || status=$?
if [[ $status -ne 3 ]] || ! grep -q "the model takes 3" "$folder/errors"; then
  cat "$folder/errors" >&2
  echo "exit status $status, expected 3" >&2
  exit 1
fi
