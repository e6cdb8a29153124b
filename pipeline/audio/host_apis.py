"""The order of preference of PortAudio's host APIs, where one device has several."""

_BY_LATENCY = (
    "JACK Audio Connection Kit",
    "Core Audio",
    "Windows WASAPI",
    "ALSA",
    "OSS",
    "Windows DirectSound",
    "MME",
)
"""PortAudio's names, lowest latency first. ASIO and WDM-KS are not listed and come last, because
they take the device for one program alone: a person chooses them by number."""


def rank(host_api: str) -> int:
    """Place in the order of preference; 0 is the best."""
    return _BY_LATENCY.index(host_api) if host_api in _BY_LATENCY else len(_BY_LATENCY)
