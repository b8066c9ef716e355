"""The operator cases of PyPI's onnx, newer than Debian's, pass on the reference and, behind all passes, on the cpu.

`node_cases_test.py FOLDER` only writes them, laid out as Debian's libonnx-testdata."""
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import numpy_helper


def tensor_of(value, name):
    return value if isinstance(value, onnx.TensorProto) else numpy_helper.from_array(np.asarray(value), name)


def write_case(case, folder):
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    inputs, outputs = case.data_sets[0]
    for kind, values, infos in (("input", inputs, case.model.graph.input), ("output", outputs, case.model.graph.output)):
        for index, (value, info) in enumerate(zip(values, infos)):
            (data / f"{kind}_{index}.pb").write_bytes(tensor_of(value, info.name).SerializeToString())


def holds_tensors_only(case):
    """Sequences, maps and absent optionals are no tensors; nor is what no file describes."""
    infos = list(case.model.graph.input) + list(case.model.graph.output)
    values = [value for values in case.data_sets[0] for value in values] if case.data_sets else []
    plain = all(isinstance(value, (np.ndarray, np.generic, onnx.TensorProto)) for value in values)
    return bool(values) and plain and all(info.type.HasField("tensor_type") for info in infos)


def write_cases(folder):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.case import node

        cases = node.collect_testcases(None)
    written = 0
    for case in cases:
        if holds_tensors_only(case):
            write_case(case, folder / "node" / case.name)
            written += 1
    print(f"onnx {onnx.__version__}: {written} of {len(cases)} cases hold tensors only")


def main():
    if len(sys.argv) > 1:
        write_cases(pathlib.Path(sys.argv[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        write_cases(pathlib.Path(folder))
        environment = dict(os.environ, TENDON_NEWER_NODE_CASES=folder)
        return subprocess.run([os.environ["TENDON_OPS_TESTS"], "--gtest_filter=*NewerPass/reference:*NewerPass/cpu_with_passes"], env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
