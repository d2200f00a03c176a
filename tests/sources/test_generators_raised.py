"""What the code of a user raises: told with its line, never taken for an end."""

import functools
import json

import numpy as np
import pytest

from gausscheck.errors import GeneratorError
from gausscheck.sources.generators import open_generator


@pytest.mark.parametrize("code", [0, 2])
def test_a_callable_that_ends_the_process_is_an_error(code):
    def leaving(size):
        raise SystemExit(code)

    with pytest.raises(GeneratorError, match=f"raised SystemExit: {code} when asked for"):
        open_generator(leaving).start(1).take(1)


def test_the_line_that_is_told_is_the_users():
    def refused(size):
        return np.random.default_rng(1).standard_normal(-size)

    def within_numpy(size):
        return np.linalg.cholesky(np.zeros(size))  # raised in a file of NumPy's

    def within_python(size):
        return json.loads("")  # raised in a file of Python's

    for function in (refused, within_numpy, within_python):
        with pytest.raises(GeneratorError) as caught:
            open_generator(function).start(1).take(1)
        line = function.__code__.co_firstlineno + 1
        assert f", in {__file__}, line {line}; correct" in str(caught.value)
    # What is written in C has no line.
    with pytest.raises(GeneratorError, match="65,536 values; correct"):
        open_generator(functools.partial(int, "x")).start(1).take(1)
