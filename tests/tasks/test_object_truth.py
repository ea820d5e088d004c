"""Objects beside the table of images."""

import numpy as np
import pytest
from astropy.table import Table

from merkhet.config.data import Columns
from merkhet.config.tasks import Detect
from merkhet.errors import InputError
from merkhet.io.tables import write_table
from merkhet.tasks.object_truth import OBJECTS, ObjectTruth

TRUTH = ObjectTruth(Detect(classes=("halo", "ring")), Columns(path="path"))


def images(folder, names=("b", "a", "c")):
    table = Table({"path": list(names)})
    table.meta["source"] = str(folder / "index.parquet")
    return table


def write(folder, rows):
    columns = dict(zip(("image", "x", "y", "radius", "kind"), zip(*rows, strict=True), strict=True))
    write_table(Table({name: list(values) for name, values in columns.items()}), folder / OBJECTS)


def test_objects_go_to_their_images_padded(tmp_path):
    write(
        tmp_path,
        [
            ("a", 1.0, 2.0, 3.0, "ring"),
            ("c", 4.0, 5.0, 6.0, ""),
            ("a", 7.0, 8.0, 9.0, "halo"),
            ("gone", 0.0, 0.0, 1.0, "halo"),
        ],
    )
    target = TRUTH.targets(images(tmp_path))["objects"].fetch(np.array([2, 1, 0]))
    assert target.kind == "objects"
    assert target.count is not None
    assert target.count.tolist() == [1, 2, 0]
    assert target.value[0, 0].tolist() == [4, 5, 6, -1]
    assert target.value[1].tolist() == [[1, 2, 3, 1], [7, 8, 9, 0]]
    assert target.value[2].isnan().all()


def test_a_kind_that_is_not_learned_is_named(tmp_path):
    write(tmp_path, [("a", 1.0, 2.0, 3.0, "comet")])
    with pytest.raises(InputError, match="kind 'comet'; expected halo, ring, or nothing"):
        TRUTH.targets(images(tmp_path))


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match=OBJECTS):
        TRUTH.targets(images(tmp_path))


def test_a_missing_column_is_named(tmp_path):
    write_table(Table({"image": ["a"], "x": [1.0], "y": [1.0], "kind": ["halo"]}), tmp_path / OBJECTS)
    with pytest.raises(InputError, match="radius"):
        TRUTH.targets(images(tmp_path))


def test_objects_are_counted_by_kind(tmp_path):
    rows = [("a", 1.0, 2.0, 3.0, "ring"), ("a", 4.0, 5.0, 6.0, ""), ("c", 7.0, 8.0, 9.0, "ring")]
    write(tmp_path, [*rows, ("gone", 0.0, 0.0, 1.0, "halo")])
    assert TRUTH.train_counts(images(tmp_path)) == {"halo": 0, "ring": 2}
