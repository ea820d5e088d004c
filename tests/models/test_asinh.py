"""The inverse hyperbolic sine, against that of numpy."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from merkhet.models.asinh import asinh

FINITE = st.floats(-(2.0**60), 2.0**60, width=32)


@given(hnp.arrays(np.float32, 16, elements=FINITE))
def test_is_exact_however_small(values):
    found = asinh(torch.from_numpy(values)).numpy()
    expected = np.arcsinh(values.astype(np.float64))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-37)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(values))


def test_its_gradient_is_that_of_the_formula():
    x = torch.linspace(-5, 5, 21, dtype=torch.float64, requires_grad=True)
    asinh(x).sum().backward()
    assert x.grad is not None
    expected = (1 + x.detach().square()).rsqrt()
    torch.testing.assert_close(x.grad[x != 0], expected[x != 0])
