import pytest
import torch

from merkhet.config.arrays import Pixels as Schema
from merkhet.models.cameras.pixels import Pixels


def batch():
    arrays = {
        "charge": torch.tensor([[[1.0, 3.0, -2.0], [5.0, 5.0, 5.0]], [[torch.nan, 10.0, 0.0], [0.0, 0.0, 0.0]]]),
        "time": torch.tensor([[[10.0, 20.0, 90.0], [0.0, 0.0, 0.0]], [[1.0, 30.0, torch.nan], [0.0, 0.0, 0.0]]]),
        "mask": torch.tensor([[[True, True, False], [True] * 3], [[True, True, False], [False] * 3]]),
        "trigger": torch.tensor([[True, False], [True, True]]),
        "position": torch.arange(12.0).reshape(2, 2, 3),
    }
    return {"telescopes": {"LST": arrays}, "pointing": torch.tensor([[1.2, 0.1], [1.3, torch.nan]])}


def test_only_what_triggered_is_there_in_order():
    images = Pixels(Schema())(batch())["LST"]
    assert images.event.tolist() == [0, 1, 1]
    assert images.slot.tolist() == [0, 0, 1]
    assert images.position.tolist() == [[0, 1, 2], [6, 7, 8], [9, 10, 11]]
    assert (images.events, images.slots) == (2, 2)
    torch.testing.assert_close(images.pointing[:, 0], torch.tensor([1.2, 1.3, 1.3]))


def test_channels_are_what_their_names_say():
    names = ("charge", "log_charge", "time", "cleaned_charge", "cleaned_log_charge", "cleaned_time")
    images = Pixels(Schema(channels=names, charge_scale=2.0, time_scale_ns=5.0))(batch())["LST"]
    first = dict(zip(names, images.pixels[0].tolist(), strict=True))
    assert first["charge"] == [0.5, 1.5, -1.0]
    assert first["log_charge"] == pytest.approx([0.693147, 1.386294, -1.098612])
    assert first["cleaned_charge"] == [0.5, 1.5, 0.0]
    # The mean time of the cleaned pixels is (10 + 3 * 20) / 4.
    assert first["time"] == pytest.approx([-1.5, 0.5, 10.0])
    assert first["cleaned_time"] == pytest.approx([-1.5, 0.5, 0.0])
    assert images.size.tolist() == pytest.approx([4.0, 10.0, 0.0])


def test_charges_and_times_of_cleaned_pixels_stay_in_their_units():
    images = Pixels(Schema(channels=("log_charge", "cleaned_time")))(batch())["LST"]
    assert images.charge.tolist() == [[1, 3, 0], [0, 10, 0], [0, 0, 0]]
    assert images.time[0].tolist() == pytest.approx([-7.5, 2.5, 0])


def test_what_is_not_finite_is_zero_and_an_empty_image_has_no_times():
    images = Pixels(Schema(channels=("charge", "time")))(batch())["LST"]
    assert images.pixels.isfinite().all()
    assert images.pixels[1, 0].tolist() == pytest.approx([0, 0.1, 0])
    assert not images.pixels[2].any()


def test_what_is_not_needed_is_not_read():
    assert Schema(channels=("log_charge",)).fields == ("charge",)
    assert Schema(channels=("charge", "time")).fields == ("charge", "time")
    assert Schema(channels=("cleaned_charge",)).fields == ("charge", "mask")
    given = batch()
    del given["telescopes"]["LST"]["mask"], given["telescopes"]["LST"]["time"]
    images = Pixels(Schema(channels=("log_charge",)))(given)["LST"]
    assert images.size.tolist() == pytest.approx([2.0, 10.0, 0.0])
