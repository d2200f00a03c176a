import numpy as np
import pytest

from gausscheck.errors import ArgumentError, DataError
from gausscheck.layout import Layout


@pytest.mark.parametrize(
    ("shape", "letters"),
    [
        ((7,), "w"),
        ((2, 7), "b w"),
        ((2, 3, 7), "c h w"),
        ((5, 2, 3, 7), "b c h w"),
        ((5, 2, 4, 3, 7), "b c t h w"),
    ],
)
def test_default_by_number_of_axes(shape, letters):
    assert str(Layout.resolve(None, shape)) == letters


@pytest.mark.parametrize("shape", [(), (1, 1, 1, 1, 1, 1)])
def test_no_default_asks_for_a_layout(shape):
    with pytest.raises(DataError, match=r"layout") as error:
        Layout.resolve(None, shape)
    assert str(shape) in str(error.value)
    assert "reshape" in str(error.value)


@pytest.mark.parametrize(
    ("layout", "shape"),
    [
        ("b w", (2, 3, 4)),
        ("b x w", (2, 3, 4)),
        ("b w w", (2, 3, 4)),
        ("bcw", (2, 3, 4)),
        ("", (3,)),
        ("B W", (2, 3)),
    ],
)
def test_a_wrong_layout_names_itself_and_the_shape(layout, shape):
    with pytest.raises(ArgumentError) as error:
        Layout.resolve(layout, shape)
    assert str(shape) in str(error.value)
    assert repr(layout) in str(error.value) or "empty" in str(error.value)


def test_a_layout_object_is_checked_too():
    layout = Layout(("b", "w"))
    assert Layout.resolve(layout, (2, 3)) is layout
    with pytest.raises(ArgumentError, match=r"2 axes.*has 1"):
        Layout.resolve(layout, (2,))


def test_axes():
    layout = Layout.resolve("h b w c", (4, 2, 5, 3))
    assert (layout.sample_axis, layout.channel_axis, layout.ordered_axes) == (1, 3, (0, 2))
    assert layout.samples((4, 2, 5, 3)) == (2, 60)
    alone = Layout.resolve("c t", (3, 8))
    assert (alone.sample_axis, alone.channel_axis, alone.ordered_axes) == (None, 0, (1,))
    assert alone.samples((3, 8)) == (1, 24)
    assert Layout.resolve("b c", (3, 8)).ordered_axes == ()


def test_spaces_do_not_matter():
    assert Layout.resolve("  b   c w ", (2, 3, 4)) == Layout.resolve("b c w", (2, 3, 4))


@pytest.mark.parametrize(
    ("layout", "shape"), [("b c w", (4, 2, 3)), ("w b c", (3, 4, 2)), ("c w b", (2, 3, 4))]
)
def test_rows_are_samples_in_stored_order(layout, shape):
    array = np.arange(24.0).reshape(shape)
    resolved = Layout.resolve(layout, shape)
    axis = layout.split().index("b")
    rows = resolved.rows(array, 1, 3)
    assert rows.shape == (2, 6)
    for row, sample in zip(rows, (1, 2), strict=True):
        np.testing.assert_array_equal(row, np.take(array, sample, axis=axis).ravel())


def test_rows_are_a_view_where_strides_allow():
    array = np.arange(24.0).reshape(4, 2, 3)
    assert np.shares_memory(Layout.resolve("b c w", array.shape).rows(array, 1, 3), array)
    assert np.shares_memory(Layout.resolve("c h w", array.shape).rows(array), array)
    assert np.shares_memory(Layout.resolve("w b", (6, 4)).rows(array.reshape(6, 4)), array)


def test_rows_are_cut_like_a_slice():
    array = np.zeros((4, 3))
    layout = Layout.resolve(None, array.shape)
    assert layout.rows(array).shape == (4, 3)
    assert layout.rows(array, 3, 99).shape == (1, 3)
    assert layout.rows(array, 3, 1).shape == (0, 3)
    assert Layout.resolve("w", (0,)).rows(np.zeros(0)).shape == (1, 0)
    assert layout.rows(np.zeros((0, 3))).shape == (0, 3)
