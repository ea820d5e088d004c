"""The augmentation that acts on normalized images."""

import numpy as np
import torch

from merkhet.config import augment as schemas
from merkhet.data.augment import Augmentation
from merkhet.data.draws import Draws
from merkhet.data.sample import Batch


class AfterNormalization(Augmentation[schemas.AfterNormalization]):
    """Noise and brightness for the normalized image, which :func:`merkhet.models.normalize.perturb` applies."""

    def __call__(self, batch: Batch, draws: Draws) -> Batch:
        """Add what is drawn to the batch; the image stays as it is."""
        image, reach = batch["image"], self.config.brightness
        brightness = draws.uniform(-reach, reach)
        fields = [rng.standard_normal(image.shape[1:], dtype=np.float32) for rng in draws.generators]
        noise = torch.from_numpy(np.stack(fields)).to(image) * self.config.noise_sigma
        return {**batch, "normalized": {"noise": noise, "brightness": brightness}}
