"""The encodings of the wire's sound."""

from typing import Literal

from pipeline.emulator.audio.g711 import A_LAW, MU_LAW, Law

Encoding = Literal["pcm16", "g711_ulaw", "g711_alaw"]

LAWS: dict[str, Law] = {"g711_ulaw": MU_LAW, "g711_alaw": A_LAW}
LAW_RATE_HZ = 8_000
