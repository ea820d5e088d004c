import itertools

import pytest
import torch

from merkhet.config.array_models import PublishedArray as Schema
from merkhet.config.arrays import Channel
from merkhet.models.telescopes.published import PublishedArray
from merkhet.models.telescopes.published_blocks import BLOCKS, HEADS
from tests.models.arrays import ARRAY


@pytest.mark.parametrize(
    ("name", "shape", "convolutions"),
    [("alexnet", (256, 8, 8), 5), ("mobilenet", (64, 15, 15), 21), ("resnet", (512, 2, 2), 20)],
)
def test_an_image_of_the_published_size_becomes_the_published_map(name, shape, convolutions):
    with torch.device("meta"):
        block = BLOCKS[name](1)
        assert block(torch.empty(2, 1, 120, 120)).shape == (2, *shape)
    assert sum(isinstance(m, torch.nn.Conv2d) for m in block.modules()) == convolutions


@pytest.mark.parametrize("name", HEADS)
def test_heads_give_the_vector_that_they_say(name):
    with torch.device("meta"):
        if name == "resnet_vector":
            head, length = HEADS[name](40, 1)
            assert head(torch.empty(3, 40)).shape == (3, length)
        else:
            head, length = HEADS[name](12, 25)
            assert head(torch.empty(3, 12, 5, 5)).shape == (3, length)


@pytest.mark.parametrize(("combination", "head"), [*itertools.product(("vector", "feature_map"), HEADS)])
def test_heads_that_do_not_fit_are_refused(combination, head):
    fits = {"vector": {"alexnet", "resnet_vector"}, "feature_map": {"alexnet", "mobilenet", "resnet"}}
    if head in fits[combination]:
        assert Schema(combination=combination, head=head).head == head
    else:
        with pytest.raises(ValueError, match=f"head {head} does not take combination={combination}"):
            Schema(combination=combination, head=head)


def test_the_decay_of_batch_norm_is_the_share_that_stays():
    channels: tuple[Channel, ...] = ("charge",)
    network = PublishedArray(Schema(block="mobilenet", batch_norm_decay=0.9), spec=ARRAY, channels=channels)
    norm = next(m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d))
    before = norm.running_mean.clone() if norm.running_mean is not None else torch.empty(0)
    batch = torch.randn(6, norm.num_features, 4, 4) + 3
    norm(batch)
    torch.testing.assert_close(norm.running_mean, 0.9 * before + 0.1 * batch.mean(dim=(0, 2, 3)))
