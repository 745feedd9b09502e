"""``abdominal-oncology networks``: every registered network and its size."""

from __future__ import annotations

import argparse

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table
from abdominal_oncology.tasks import TASKS, all_networks


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", choices=TASKS, help="only the networks of one task")
    parser.add_argument("--classes", type=int, default=4, help="outputs to count with (default 4)")
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from abdominal_oncology.learning.networks import measure

    rows = []
    for network in all_networks():
        if options.task and network.task != options.task:
            continue
        size = measure(network.build(options.classes), network.input_shape)
        rows.append(
            {
                "name": network.name,
                "task": network.task,
                "input": network.input_shape,
                "parameters": size.parameters,
                "trainable": size.trainable,
                "GFLOP": size.flops / 1e9,
                "source": network.source,
            }
        )
    if options.json:
        print_json(rows)
    else:
        print_table(rows)
        print("\nGFLOP of one forward pass of one input; a multiplication with its addition counts as two.")
    return ExitCode.DONE
