"""How a trainer obeys the control file of its run: beta and learning rate, pause, single steps and stop."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

from vae_core.run_control import Control, ControlWatch, last_set
from vae_core.run_records import EVENTS_NAME, append_line, read_events
from vae_core.training import Pace, settings_at
from vae_core.training_state import Controls, TrainState

LOOK_SECONDS = 0.1
"""How often the control file is looked at, and a line of metrics written."""


def _asked(controls: Controls) -> Control:
    """Return what a person asked for who set these."""
    return Control(
        controls.beta,
        controls.learning_rate,
        beta_schedule=controls.beta_schedule,
        beta_epochs=controls.beta_epochs,
    )


class StopRequestedError(Exception):
    """Somebody asked the trainer to stop; not an error of theirs."""


class Steering:
    """Brings what the control file asks for into the training state, and writes down when it did."""

    def __init__(self, run: Path, state: TrainState, pace: Pace, steps_per_epoch: int) -> None:
        self.run, self.state, self.pace, self.steps_per_epoch = run, state, pace, steps_per_epoch
        self._usual = pace.seconds
        # Changes after the checkpoint happen again at the same steps, so that the run becomes what it was.
        self.to_repeat = [event for event in read_events(run) if event["step"] >= state.step]
        in_force = last_set(run) if self.to_repeat else _asked(state.controls)
        self.watch = ControlWatch(run, in_force)
        self.watch.look()
        self.steps_taken = self.watch.control.steps
        self.apply()

    @property
    def is_single(self) -> bool:
        """Whether the trainer takes a step at a time."""
        return self.pace.seconds == 0

    def apply(self) -> bool:
        """Set beta and learning rate as they are to be after this step; return whether they changed."""
        before = self.state.controls
        while self.to_repeat and self.to_repeat[0]["step"] <= self.state.step:
            event = self.to_repeat.pop(0)
            known = {field.name for field in fields(Controls)}
            self.state.controls = Controls(**{name: value for name, value in event.items() if name in known})
        self.pace.at = self.to_repeat[0]["step"] if self.to_repeat else None
        if not self.to_repeat:
            wanted = self._wanted()
            if wanted != self.state.controls:
                plain = vars(Controls())
                course = {name: value for name, value in vars(wanted).items() if value != plain[name]}
                settings = {"beta": wanted.beta, "learning_rate": wanted.learning_rate, **course}
                append_line(self.run / EVENTS_NAME, {"step": self.state.step, **settings})
                self.state.controls = wanted
        return self.state.controls != before

    def _wanted(self) -> Controls:
        """Return what the control file asks for; a schedule of beta begins where and when it is first asked for."""
        asked, before = self.watch.control, self.state.controls
        beta = {name: getattr(asked, name) for name in ("beta", "beta_schedule", "beta_epochs")}
        if any(getattr(before, name) != value for name, value in beta.items()):
            if asked.beta_schedule != "constant":
                epochs = self.state.step / self.steps_per_epoch
                beta |= {"beta_since": epochs, "beta_from": settings_at(self.state, epochs)[0]}
            before = Controls(**beta)
        return replace(before, learning_rate=asked.learning_rate)

    def is_paused(self) -> bool:
        """Return whether the trainer has to wait: it is paused, and has taken all the single steps asked for."""
        control = self.watch.control
        # A file written anew begins to count again.
        self.steps_taken = 0 if control.steps < self.steps_taken else self.steps_taken
        return control.paused and self.steps_taken >= control.steps

    def obey(self, wait: Callable[[], None]) -> None:
        """Do what the control file asks for; return when training is to go on, and call ``wait`` until then.

        Raises StopRequestedError where the trainer is to end.
        """
        if self.is_single:
            self.steps_taken += 1
        while True:
            self.watch.look()
            if self.watch.control.stop:
                raise StopRequestedError
            self.apply()
            if not self.is_paused():
                break
            wait()
            time.sleep(LOOK_SECONDS / 2)
        if self.watch.control.paused:
            self.pace.seconds = 0.0
        else:
            self.pace.seconds = self._usual
            self.steps_taken = self.watch.control.steps
