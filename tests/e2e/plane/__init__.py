"""The plane alone, without an app around it."""
