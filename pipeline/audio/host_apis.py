"""Which of a system's sound interfaces to prefer, where one card is reached through several."""

_BY_LATENCY = (
    "JACK Audio Connection Kit",
    "Core Audio",
    "Windows WASAPI",
    "ALSA",
    "OSS",
    "Windows DirectSound",
    "MME",
)
"""PortAudio's names, quickest first. Those that take a card for one program alone, ASIO and WDM-KS,
come last: whoever wants one says so."""


def rank(host_api: str) -> int:
    """Place in the order of preference, 0 the best."""
    return _BY_LATENCY.index(host_api) if host_api in _BY_LATENCY else len(_BY_LATENCY)
