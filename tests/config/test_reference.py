"""The reference says how many limits it needs."""

import pytest
from pydantic import ValidationError

from merkhet.config.reference import FeatureReference, Reference

FEATURES = {"classes": ("a", "b"), "limits": (3.0, 4.0), "shrinkage": 0.1, "train_rows": 50, "val_rows": 20}


def test_every_class_has_its_limit():
    assert FeatureReference.model_validate(FEATURES).limits == (3, 4)
    with pytest.raises(ValidationError, match="1 limits for 2 classes"):
        FeatureReference.model_validate({**FEATURES, "limits": (3.0,)})
    with pytest.raises(ValidationError, match="0 limits for 0 classes"):
        FeatureReference.model_validate({**FEATURES, "classes": (), "limits": ()})


def test_it_goes_through_json_as_it_is():
    reference = Reference(noise=((0.1, 0.2), None), peak=((5.0, 90.0), None), features=FEATURES)
    assert Reference.model_validate_json(reference.model_dump_json()) == reference
