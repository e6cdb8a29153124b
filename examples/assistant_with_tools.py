"""An assistant whose functions change the program's own state.

``.venv/bin/python examples/assistant_with_tools.py``, then say: "Put milk on my list."
The method runs in a thread, the coroutine on the event loop; neither can delay the sound.
"""

import asyncio

from pipeline import (
    AssistantDone,
    AssistantSaid,
    ToolAnswered,
    ToolCalled,
    UserSaid,
    VoiceSession,
    load_settings,
)


class ShoppingList:
    """What is to be bought."""

    def __init__(self) -> None:
        self.items: list[str] = []

    def add_to_list(self, item: str) -> list[str]:
        """Put something on the shopping list, and return the whole list.

        :param item: what is to be bought
        """
        self.items.append(item)
        return self.items


async def wait_seconds(seconds: float) -> str:
    """Wait, and tell when the time is over."""
    await asyncio.sleep(seconds)
    return "The time is over."


async def main() -> None:
    """Talk until Ctrl-C, and show words and calls."""
    shopping = ShoppingList()
    async with VoiceSession(load_settings(), tools=[shopping.add_to_list, wait_seconds]) as session:
        async for event in session:
            match event:
                case UserSaid(text):
                    print("You:", text)
                case AssistantSaid(text):
                    print(text, end="", flush=True)
                case AssistantDone(cut=cut):
                    print(" —" if cut else "")
                case ToolCalled(_, name, arguments):
                    print(f"[{name} {arguments}]")
                case ToolAnswered(_, output):
                    print(f"[{output}]")
    print("To buy:", ", ".join(shopping.items) or "nothing")


asyncio.run(main())
