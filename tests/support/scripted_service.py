"""The service that follows a test's script; see `pipeline.bench.scripted_service`."""

from pipeline.bench.scripted_service import Script, ScriptedService, ScriptedSession, no_script

__all__ = ["Script", "ScriptedService", "ScriptedSession", "no_script"]
