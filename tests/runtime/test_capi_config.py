"""The hand-written ConfigProto, read by TensorFlow's own parser."""

from __future__ import annotations

import pytest

from frazil_runtime.capi.config import CONFIG


@pytest.mark.tensorflow
def test_the_bytes_are_the_config_that_the_comments_name() -> None:
    from tensorflow.core.protobuf import config_pb2

    config = config_pb2.ConfigProto(
        intra_op_parallelism_threads=1,
        inter_op_parallelism_threads=-1,
        allow_soft_placement=True,
    )
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.experimental.optimize_for_static_graph = True
    config.experimental.disable_output_partition_graphs = True
    assert config_pb2.ConfigProto.FromString(CONFIG) == config
