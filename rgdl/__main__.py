"""The command line: ``python -m rgdl reproduce | bench | info``."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rgdl.report import Report

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv : sequence of str, optional
        Its words, without the program's name; those of the process if None.

    Returns
    -------
    int
        0 if it ran, 2 for a user's error, 130 after Ctrl-C.

    Examples
    --------
    >>> from rgdl.__main__ import main
    >>> main(["info"])  # doctest: +ELLIPSIS
    version: ...
    0
    """
    parser = _parser()
    try:
        options = parser.parse_args(argv)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 2
    try:
        if options.command == "reproduce":
            _reproduce(options)
        elif options.command == "bench":
            _bench(options)
        else:
            _info()
    except KeyboardInterrupt as stop:
        where = "; ".join(getattr(stop, "__notes__", [])) or "stopped"
        print(f"rgdl: {where}", file=sys.stderr)
        return 130
    except (ValueError, TypeError, OSError) as error:
        print(f"rgdl: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="rgdl", description="Is deep learning a renormalization group?"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser(
        "reproduce", help="run an experiment from the literature and judge its claims"
    )
    run.add_argument("name", metavar="NAME", help='"mehta-schwab"')
    run.add_argument(
        "--fast", action="store_true", help="smaller, under a minute, not converged"
    )
    run.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="folder for the report, its numbers and models (default: rgdl-NAME)",
    )
    run.add_argument(
        "--seed", metavar="N", type=int, default=0, help="key of the run (default: 0)"
    )
    run.add_argument(
        "--workers",
        metavar="N",
        type=int,
        default=-1,
        help="threads (default: all processors)",
    )
    bench = commands.add_parser("bench", help="measure speed on this machine")
    bench.add_argument("group", metavar="GROUP", nargs="?", help="one group only")
    bench.add_argument(
        "--repeats", type=int, default=7, help="measurements per line, 7 by default"
    )
    bench.add_argument("--json", action="store_true", help="print JSON")
    commands.add_parser("info", help="print versions and instruction sets")
    return parser


def _reproduce(options: argparse.Namespace) -> None:
    from rgdl.experiments import reproduce

    folder: Path = options.out or Path(f"rgdl-{options.name}")
    report = reproduce(
        options.name,
        fast=options.fast,
        out=folder,
        rng=options.seed,
        workers=options.workers,
    )
    _print_verdicts(report)
    if options.fast:
        seconds = report.provenance[
            "expected_seconds_of_the_full_run_on_a_quiet_machine"
        ]
        seed = f" --seed {options.seed}" if options.seed else ""
        print(
            "\nThis was the fast version. The full run, expected to take "
            f"{_duration(seconds)} here if nothing else runs:\n"
            f"  {_python()} -m rgdl reproduce {options.name}{seed} --out {folder}"
        )
    print(f"\n{(folder / 'report.html').resolve()}")


def _python() -> str:
    """Name this interpreter the way a shell in this folder would."""
    python = Path(sys.executable)
    here = Path.cwd()
    return str(python.relative_to(here) if python.is_relative_to(here) else python)


def _print_verdicts(report: "Report") -> None:
    width = max((len(verdict.outcome) for verdict in report.verdicts), default=0)
    for verdict in report.verdicts:
        print(f"{verdict.kind:8}  {verdict.outcome:{width}}  {verdict.claim}")


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {max(round(seconds), 1)} s"
    return f"about {round(seconds / 60)} min"


def _bench(options: argparse.Namespace) -> None:
    from rgdl import bench

    results = bench.measure(options.group, repeats=options.repeats)
    if options.json:
        print(json.dumps(results.as_dict(), indent=1, allow_nan=False))
    else:
        print(results)


def _info() -> None:
    import rgdl

    for key, value in rgdl.show_config().items():
        print(f"{key}: {value}")


if __name__ == "__main__":
    sys.exit(main())
