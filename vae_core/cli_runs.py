"""The command ``runs``: what training runs there are, and everything that can be done to one."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from vae_core import cli_runs_share, run_check, run_control, run_folder, run_queue, runs
from vae_core.cli_evaluate import at_least
from vae_core.cli_output import number, print_json, print_pairs, print_table, say
from vae_core.cli_train import training_options, with_training
from vae_core.config import BETA_SCHEDULES, to_json
from vae_core.errors import LatentExplorerError
from vae_core.run_folder import read_about, read_config, read_state
from vae_core.run_records import read_events, read_metrics
from vae_core.run_trainer import prepare_to_resume

COLUMNS = ("run", "status", "step", "of", "beta", "distortion", "rate", "name")
_STOP_SECONDS = 10.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the actions of ``runs``, each with its options."""
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    _action(actions, "list", "the runs in a folder, the newest first", needs_run=False)
    _action(actions, "show", "configuration, state and newest figures of a run")
    _action(actions, "resume", "go on with a run that stopped, in the background")
    control = _action(actions, "control", "change beta or the learning rate, pause, step or stop a run that trains")
    control.add_argument("--beta", type=_setting, metavar="B", help="weight of the KL term, or 'schedule'")
    control.add_argument("--beta-schedule", choices=BETA_SCHEDULES, help="how beta gets there from now on (constant)")
    control.add_argument("--over", type=float, metavar="N", help="in so many epochs; the period, where it is cyclical")
    control.add_argument("--lr", type=_setting, metavar="X", help="learning rate, or 'schedule'")
    control.add_argument("--pause", action="store_true", help="wait after the step it is at")
    control.add_argument("--resume", action="store_true", help="go on after a pause")
    control.add_argument("--step", action="store_true", help="take one step and pause")
    control.add_argument("--stop", action="store_true", help="write a checkpoint and end")
    _action(actions, "stop", "stop a run and wait until its trainer has gone")
    _action(actions, "rename", "give a run another name").add_argument("name", help="what it is called from now on")
    fork = _action(actions, "fork", "start a run from the weights that another one had at a step, in the background")
    fork.add_argument(
        "--step", type=at_least(0), required=True, metavar="N", help="the newest keyframe at or before it"
    )
    fork.add_argument("--run", type=Path, dest="target", metavar="NEW", help="the new run directory (beside DIR)")
    training_options(fork.add_argument_group("the training (each option replaces the run's)"))
    _action(actions, "delete", "delete a run that does not train")
    _action(actions, "check", "read every file of a run and say what is wrong with it")
    cli_runs_share.configure(lambda name, text: _parser(actions, name, text))


def _action(actions: Any, name: str, text: str, needs_run: bool = True) -> argparse.ArgumentParser:
    parser = _parser(actions, name, text)
    if needs_run:
        parser.add_argument("run", type=Path, metavar="DIR", help="the run directory")
    else:
        parser.add_argument("run", type=Path, metavar="DIR", nargs="?", help="the folder of the runs (runs)")
    return parser


def _parser(actions: Any, name: str, text: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    return parser


def _setting(text: str) -> float | str:
    try:
        return text if text == "schedule" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is neither a number nor 'schedule'") from None


def run(arguments: argparse.Namespace) -> None:
    """Do the action that was named."""
    actions: dict[str, Callable[[argparse.Namespace], None]] = {
        "list": _list,
        "show": _show,
        "resume": _resume,
        "control": _control,
        "stop": _stop,
        "rename": _rename,
        "fork": _fork,
        "delete": _delete,
        "check": _check,
        **cli_runs_share.ACTIONS,
    }
    actions[arguments.action](arguments)


def summary(run: Path) -> dict[str, Any]:
    """Return what a list says of a run: state, newest figures in nats per image, and name."""
    state, about = read_state(run), read_about(run)
    lines = read_metrics(run)
    last = lines[-1] if lines else {}
    tested: dict[str, Any] = next((line for line in reversed(lines) if "test_kl" in line), {})
    return {
        "run": str(run),
        "status": state.status,
        "reason": state.reason,
        "step": last.get("step", 0),
        "total_steps": state.total_steps,
        "beta": last.get("beta"),
        "learning_rate": last.get("learning_rate"),
        "test_reconstruction": tested.get("test_reconstruction"),
        "test_kl": tested.get("test_kl"),
        "name": about.name,
    }


def _list(arguments: argparse.Namespace) -> None:
    folder = arguments.run or run_folder.root()
    found, problems = [], []
    for run in run_folder.list_runs(folder):
        try:
            found.append(summary(run))
        except LatentExplorerError as error:
            problems.append(str(error))
    if arguments.json:
        print_json({"runs": found, "problems": problems})
        return
    rows = [
        (Path(one["run"]).name, one["status"], one["step"], one["total_steps"], one["beta"],
         one["test_reconstruction"], one["test_kl"], one["name"])
        for one in found
    ]  # fmt: skip
    if rows:
        print_table(COLUMNS, rows)
    else:
        say(f"there are no runs in {folder}: start one with `python -m vae_core train`")
    for problem in problems:
        say(problem)


def _show(arguments: argparse.Namespace) -> None:
    run = arguments.run
    config, about = read_config(run), read_about(run)
    details = {
        **summary(run),
        "note": about.note,
        "parent": about.parent,
        "parent_step": about.parent_step,
        "bytes": run_folder.size(run),
        "events": read_events(run),
        "config": to_json(config),
    }
    if arguments.json:
        print_json(details)
        return
    settings = {**vars(config.model), **vars(config.train)}
    shown = {
        name: value for name, value in details.items() if name not in ("config", "events") and value not in ("", None)
    }
    print_pairs({name: number(value) for name, value in shown.items()})
    print_pairs({name: str(value) for name, value in settings.items()})
    for event in details["events"]:
        beta, rate = (
            value if value is not None else "by schedule" for value in (event["beta"], event["learning_rate"])
        )
        way = f", {event['beta_schedule']} over {event['beta_epochs']:g} epochs" if event.get("beta_epochs") else ""
        print(f"from step {event['step']:,}: beta {beta}{way}, learning rate {rate}")


def _resume(arguments: argparse.Namespace) -> None:
    run = arguments.run
    read_config(run)
    state = read_state(run)
    if state.status == "paused":
        run_control.change_control(run, paused=False)
    elif state.status == "finished":
        raise LatentExplorerError(f"{run} is finished: there is nothing to resume")
    elif state.status in ("running", "queued") and run_folder.is_alive(state):
        raise LatentExplorerError(f"{run} is {state.status} already")
    else:
        prepare_to_resume(run)
        run_queue.enqueue(run, time.time())
    _report(arguments, run, "resumed")


def _control(arguments: argparse.Namespace) -> None:
    changes: dict[str, Any] = {}
    for option, name in (("beta", "beta"), ("lr", "learning_rate")):
        value = getattr(arguments, option)
        if value is not None:
            changes[name] = None if value == "schedule" else value
    changes |= _course(arguments)
    for option in ("pause", "step"):
        if getattr(arguments, option) and arguments.resume:
            raise LatentExplorerError(f"--{option} and --resume say opposite things: leave one out")
    if arguments.pause or arguments.step:
        changes["paused"] = True
    if arguments.resume:
        changes["paused"] = False
    if arguments.step:
        changes["more_steps"] = 1
    if arguments.stop:
        changes["stop"] = True
    if not changes:
        raise LatentExplorerError("nothing to change: give --beta, --lr, --pause, --resume, --step or --stop")
    control = run_control.change_control(arguments.run, **changes)
    if arguments.json:
        print_json({"run": str(arguments.run), **vars(control)})
    elif read_state(arguments.run).status not in run_folder.ACTIVE:
        say(f"{arguments.run} does not train now: it will find this when it is resumed")


def _course(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return how beta is to get to its value: --over alone means in a straight line."""
    if arguments.beta_schedule is None and arguments.over is None:
        return {}
    if arguments.beta in (None, "schedule"):
        raise LatentExplorerError("a schedule needs the beta that it leads to: add --beta B")
    schedule = arguments.beta_schedule or "linear"
    if schedule != "constant" and arguments.over is None:
        raise LatentExplorerError(f"a {schedule} schedule needs its length in epochs: add --over N")
    return {"beta_schedule": schedule, "beta_epochs": arguments.over or 0.0}


def _stop(arguments: argparse.Namespace) -> None:
    run = arguments.run
    read_config(run)
    run_queue.stop(run, _STOP_SECONDS)
    _report(arguments, run, "stopped")


def _rename(arguments: argparse.Namespace) -> None:
    run_folder.rename(arguments.run, arguments.name)
    _report(arguments, arguments.run, f"is called {run_folder.read_about(arguments.run).name}")


def _fork(arguments: argparse.Namespace) -> None:
    source = arguments.run
    config = read_config(source)
    target = arguments.target or run_folder.new_folder(source.resolve().parent)
    runs.fork(source, arguments.step, target, replace(config, train=with_training(config.train, arguments)))
    run_queue.enqueue(target, time.time())
    _report(arguments, target, f"forked from step {run_folder.read_about(target).parent_step:,}")


def _delete(arguments: argparse.Namespace) -> None:
    run_folder.delete(arguments.run)
    _report(arguments, arguments.run, "deleted")


def _check(arguments: argparse.Namespace) -> None:
    problems = run_check.check(arguments.run)
    if arguments.json:
        print_json({"run": str(arguments.run), "problems": problems})
    elif not problems:
        print(f"{arguments.run}: every file is whole")
    if problems and not arguments.json:
        raise LatentExplorerError(f"{arguments.run} has {len(problems)} damaged parts: {'; '.join(problems)}")


def _report(arguments: argparse.Namespace, run: Path, done: str) -> None:
    if arguments.json:
        print_json({"run": str(run), "done": done})
    else:
        say(f"{run}: {done}")
