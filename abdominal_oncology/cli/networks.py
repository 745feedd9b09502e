"""``abdominal-oncology networks``: every registered network, its size, and the memory that its training takes."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from abdominal_oncology.cli.output import ExitCode, add_json_option, print_json, print_table
from abdominal_oncology.errors import InvalidInputError
from abdominal_oncology.tasks import TASKS, all_networks, load_task

if TYPE_CHECKING:
    from abdominal_oncology.learning.networks import Network


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--task", choices=TASKS, help="only the networks of one task")
    parser.add_argument("--classes", type=int, help="outputs to count with (default: the source paper's)")
    parser.add_argument(
        "--training-memory",
        type=int,
        default=0,
        metavar="BATCH",
        help="GB that a training step of so many inputs takes on a GPU, counted (rectal networks)",
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from abdominal_oncology.learning.networks import measure

    if options.training_memory < 0:
        raise InvalidInputError(f"a batch holds one input or more, not {options.training_memory}")
    usual = {task: len(load_task(task).recipe(published=True).classes) for task in TASKS}
    rows = []
    for network in all_networks():
        if options.task and network.task != options.task:
            continue
        classes = options.classes or usual[network.task]
        size = measure(network.build(classes), network.input_shape)
        rows.append(
            {
                "name": network.name,
                "task": network.task,
                "input": network.input_shape,
                "parameters": size.parameters,
                "trainable": size.trainable,
                "GFLOP": size.flops / 1e9,
                **(_memory(network, classes, options.training_memory) if options.training_memory else {}),
                "source": network.source,
            }
        )
    if options.json:
        print_json(rows)
    else:
        print_table(rows)
        print("\nGFLOP of one forward pass of one input; a multiplication with its addition counts as two.")
        if options.training_memory:
            print(
                "GB (10⁹ bytes) of one training step in mixed precision, and with gradient checkpointing; a GPU "
                "library's workspace comes on top."
            )
    return ExitCode.DONE


def _memory(network: Network, classes: int, batch: int) -> dict[str, float | None]:
    """Counted for the rectal networks at the volume level, where all slices are computed; None for the others."""
    if network.task != "rectal":
        return {"training GB": None, "checkpointing GB": None}
    from abdominal_oncology.rectal.networks.memory import training_memory

    build = partial(network.build, classes, aggregation="bilinear")
    plain, kept = (
        training_memory(build, network.input_shape, batch, checkpointing=each).gigabytes for each in (False, True)
    )
    return {"training GB": round(plain, 2), "checkpointing GB": round(kept, 2)}
