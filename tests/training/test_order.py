"""Nothing in a step is read and written in an order that chance decides."""

from __future__ import annotations

from collections import defaultdict
from graphlib import TopologicalSorter

from tensorflow.core.framework.graph_pb2 import GraphDef
from tensorflow.python.eager import context

from tests import games
from tgan_tf.gan import TransformerGAN


def unordered(graph: GraphDef) -> list[tuple[str, str]]:
    """Pairs of nodes of which one writes a variable, and that no path connects."""
    nodes = {node.name: node for node in graph.node}
    after = {n: [i.lstrip("^").split(":")[0] for i in nodes[n].input] for n in nodes}
    bit = {name: 1 << place for place, name in enumerate(nodes)}
    before: dict[str, int] = {}  # all that comes before a node, a bit each
    for name in TopologicalSorter(after).static_order():
        before[name] = 0
        for n in after[name]:
            before[name] |= before[n] | bit[n]
    uses = defaultdict(list)
    for name, node in nodes.items():
        if node.op == "ReadVariableOp" or node.op.startswith("Assign"):
            uses[after[name][0]].append(name)
        elif node.op == "ResourceApplyAdam":  # of a weight and its moments
            for variable in after[name][:3]:
                uses[variable].append(name)
    return [
        (one, other)
        for names in uses.values()
        for place, one in enumerate(names)
        for other in names[place + 1 :]
        if not nodes[one].op == nodes[other].op == "ReadVariableOp"
        and not (before[one] & bit[other] or before[other] & bit[one])
    ]


def optimized(config, steps: int) -> list[GraphDef]:
    """The graphs that so many steps run as."""
    gan = TransformerGAN(config)
    step = gan.make_step()
    context.enable_graph_collection()
    try:
        for batch in games.dataset(steps):
            step(batch)
        found = context.export_run_metadata().function_graphs
    finally:
        context.disable_graph_collection()
    graphs = [f.post_optimization_graph for f in found]
    return [graph for graph in graphs if any(n.op.startswith("Assign") for n in graph.node)]


def test_reads_and_writes_are_in_order():
    """LeCam's anchors once were read, now and then, after they had been written."""
    config = games.configure(
        augment="translation,cutout",
        ada_target=0.3,
        lecam_weight=0.3,
        loss="hinge",
        d_spectral_norm="improved",
        gamma_final=0.1,
        penalty_every=2,
        path_length_weight=2.0,
        path_length_every=2,
    )
    graphs = optimized(config, steps=2)
    assert graphs
    for graph in graphs:
        assert not unordered(graph)
