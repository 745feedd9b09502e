"""``bundle``: the trained models on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from abdominal_oncology.cli.output import ExitCode, add_command, add_json_option, print_json, print_table

if TYPE_CHECKING:
    from abdominal_oncology.learning.bundle.store import BundleEntry

_WHICH = "name of an installed bundle, or path of a folder or zip"


def configure(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(title="actions", dest="action", required=True, metavar="ACTION")

    own = add_command(
        actions, "list", "list the bundles: shipped with the extension, and added", "abdominal-oncology bundle list"
    )
    own.add_argument("--task", help="only those for this task")
    add_json_option(own)
    own.set_defaults(run=_list)

    own = add_command(
        actions,
        "add",
        "add a bundle from a folder or zip",
        "abdominal-oncology bundle add liver-phases-1.0.0.zip",
    )
    own.add_argument("path", type=Path, help="folder or zip")
    own.add_argument("--replace", action="store_true", help="put it in the place of another with its name and version")
    own.add_argument(
        "--allow",
        metavar="SHA256",
        default="",
        help="trust this bundle made by others: its configuration can run any program with your rights",
    )
    add_json_option(own)
    own.set_defaults(run=_add)

    own = add_command(actions, "remove", "delete an added bundle", "abdominal-oncology bundle remove liver-phases")
    own.add_argument("name", help="name of an added bundle")
    own.add_argument("--version", default="", help="which one (default: the newest)")
    add_json_option(own)
    own.set_defaults(run=_remove)

    own = add_command(
        actions,
        "verify",
        "read every byte of a bundle and compare it with its list of hashes",
        "abdominal-oncology bundle verify liver-phases-1.0.0.zip",
    )
    own.add_argument("bundle", help=_WHICH)
    add_json_option(own)
    own.set_defaults(run=_verify)

    own = add_command(
        actions, "card", "print a bundle's card: data, figures, limits", "abdominal-oncology bundle card liver-phases"
    )
    own.add_argument("bundle", help=_WHICH)
    add_json_option(own)
    own.set_defaults(run=_card)

    own = add_command(
        actions,
        "export",
        "write a copy for other MONAI tools or to carry to another machine",
        "abdominal-oncology bundle export liver-phases --output carry/ --zip",
    )
    own.add_argument("bundle", help=_WHICH)
    own.add_argument("--output", type=Path, required=True, help="folder in which the copy is made")
    own.add_argument("--zip", action="store_true", help="one file instead of a folder")
    own.add_argument("--onnx", action="store_true", help="add the network as ONNX, which answers faster on a CPU")
    add_json_option(own)
    own.set_defaults(run=_export)


def _list(options: argparse.Namespace) -> ExitCode:
    from abdominal_oncology.learning.bundle.store import installed_store

    entries = [each for each in installed_store().list() if options.task in (None, each.task)]
    rows = [_row(each) for each in entries]
    if options.json:
        print_json(rows)
    else:
        print_table(rows, ("name", "version", "task", "where", "trained on", "problem", "path"))
    return ExitCode.SOME_FAILED if any(each.problem for each in entries) else ExitCode.DONE


def _add(options: argparse.Namespace) -> ExitCode:
    from abdominal_oncology.learning.bundle.store import installed_store

    entry = installed_store().add(options.path, replace=options.replace, allow=options.allow.lower())
    return _tell(options, _row(entry), f"{entry.name} {entry.version} is there: {entry.path}")


def _remove(options: argparse.Namespace) -> ExitCode:
    from abdominal_oncology.learning.bundle.store import installed_store

    entry = installed_store().remove(options.name, options.version)
    return _tell(options, _row(entry), f"removed {entry.name} {entry.version}")


def _verify(options: argparse.Namespace) -> ExitCode:
    from abdominal_oncology.learning.bundle.store import installed_store

    bundle = installed_store().find(options.bundle)
    table = {
        "name": bundle.facts.name,
        "version": bundle.facts.version,
        "sha256": bundle.sha256,
        "files": {name: each.sha256 for name, each in bundle.verified.files.items()},
    }
    count = len(bundle.verified.files)
    return _tell(
        options, table, f"{bundle.facts.name} {bundle.facts.version}: {count} files unchanged, {bundle.sha256}"
    )


def _card(options: argparse.Namespace) -> ExitCode:
    from abdominal_oncology.learning.bundle.facts_json import facts_to_table
    from abdominal_oncology.learning.bundle.store import installed_store

    bundle = installed_store().find(options.bundle)
    return _tell(options, facts_to_table(bundle.facts), bundle.card.rstrip())


def _export(options: argparse.Namespace) -> ExitCode:
    from abdominal_oncology.learning.bundle.layout import folder_name
    from abdominal_oncology.learning.bundle.store import installed_store
    from abdominal_oncology.learning.bundle.write import export_bundle, export_zip
    from abdominal_oncology.tasks import load_task

    bundle = installed_store().find(options.bundle)
    name = folder_name(bundle.facts)
    network = bundle.network(load_task) if options.onnx else None
    target: Path = options.output / (f"{name}.zip" if options.zip else name)
    written = (export_zip if options.zip else export_bundle)(bundle, target, network)
    return _tell(options, {"path": target, "sha256": written.sha256}, f"wrote {target}")


def _tell(options: argparse.Namespace, table: Any, text: str) -> ExitCode:
    if options.json:
        print_json(table)
    else:
        print(text)
    return ExitCode.DONE


def _row(entry: BundleEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "version": entry.version,
        "task": entry.task,
        "where": entry.where,
        "trained on": entry.trained_on,
        "problem": entry.problem,
        "path": entry.path,
    }
