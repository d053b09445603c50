"""How measured buckets are laid out."""

import numpy as np

from tidegate.detect.panel import zero_filled
from tidegate.model import DatasetRef, MetricSpec, Segment

REF = DatasetRef(namespace="raw", name="orders")
ROWS = MetricSpec(dataset=REF, metric="row_count")
OF_DE = MetricSpec(dataset=REF, metric="row_count", segment=Segment(column="country", value="DE"))
OF_FR = MetricSpec(dataset=REF, metric="row_count", segment=Segment(column="country", value="FR"))
NONE = np.nan


def test_a_bucket_without_rows_is_empty_and_so_is_a_category_that_it_does_not_list():
    found = zero_filled((ROWS, OF_DE, OF_FR), np.array([[9.0, NONE, 5.0], [9.0, NONE, NONE], [NONE, NONE, 5.0]]))
    assert found.tolist() == [[9, 0, 5], [9, 0, 0], [0, 0, 5]]


def test_of_a_bucket_that_nobody_saw_nobody_said_that_it_was_empty():
    seen = np.array([[9.0, NONE, 5.0], [9.0, NONE, NONE], [NONE, NONE, 5.0]])
    found = zero_filled((ROWS, OF_DE, OF_FR), seen, gaps=False)
    assert np.isnan(found[:, 1]).all()
    assert found[:, [0, 2]].tolist() == [[9, 5], [9, 0], [0, 5]]
