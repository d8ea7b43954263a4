"""The errors a person can put right: each message says what was wrong and what to do."""

from __future__ import annotations


class LatentExplorerError(Exception):
    """Something a person can put right; the message is one sentence or two, fit to be shown as it is."""


class DataError(LatentExplorerError):
    """A data set or picture is missing, broken, too large or not of the expected form."""


class DownloadError(DataError):
    """A data set could not be fetched; nothing was left half written."""


class ModelError(LatentExplorerError):
    """A model, card or checkpoint is unknown, missing, broken or does not fit."""


class ConfigError(LatentExplorerError):
    """A setting is unknown or out of range; the message names the choices."""
