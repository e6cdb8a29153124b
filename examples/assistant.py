"""The shortest assistant: ``.venv/bin/python examples/assistant.py``."""

import asyncio

from pipeline import VoiceSession, load_settings


async def main() -> None:
    async with VoiceSession(load_settings()) as session:
        session.say("Greet me in one sentence.")
        async for event in session:
            print(event)


asyncio.run(main())
