"""What a choice of functions needs, before any process of them starts."""

import pytest

from pipeline.config.settings import Settings
from pipeline.errors import SettingsError
from pipeline.ipc.processes import ChildProcesses
from pipeline.supervisor.tool_set import ToolSet


def tool_set(choice: str) -> ToolSet:
    settings = Settings(tool_choice=choice)
    return ToolSet(ChildProcesses(), settings, None, offer=print, answer=print, notice=print)


@pytest.mark.parametrize("choice", ["required", "weather"])
def test_a_choice_without_functions_is_refused(choice: str) -> None:
    with pytest.raises(SettingsError, match=f"--tool-choice is '{choice}', but the model has no"):
        tool_set(choice).start()


@pytest.mark.parametrize("choice", ["auto", "none"])
def test_a_choice_that_needs_no_functions_is_taken(choice: str) -> None:
    tool_set(choice).start()
