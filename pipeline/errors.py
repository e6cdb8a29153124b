"""The errors that this package raises on purpose, as one tree.

    PipelineError                    exit code 1
    ├── UsageError                   exit code 2: the user can put it right
    │   ├── SettingsError            a flag, environment or .env value
    │   ├── DeviceError              an unknown or unusable sound card
    │   │   └── CardLostError        it worked, and has gone: it can be opened again
    │   ├── WavError                 an unreadable or empty sound file
    │   ├── RecordingError           a folder that holds no recorded conversation
    │   ├── EndpointError            an endpoint that cannot be reached or is not Voice Live
    │   │   └── RefusedError         it refuses the session, and would refuse it again
    │   ├── AuthenticationError      the endpoint refused the key or the token
    │   ├── TokenError               the sign-in gives no token
    │   ├── PortInUseError           the offline service's port is taken
    │   ├── ToolError                a file of tools cannot be used
    │   ├── MissingPackageError      an optional package is not installed
    │   ├── SessionError             a session of the library is used as it cannot be
    │   ├── SoundError               a program's own microphone or speaker does not work
    │   └── ResourceError            memory, files, processes or rights that the system refuses
    ├── BusyError                    the service has no place for another session
    ├── ServiceClosedError           the service ended the session
    ├── UnansweredError              the service did not answer all of a recorded input
    └── ProcessDiedError             a child process ended unexpectedly

`str(error)` is the sentence that the user reads: what was given, what is expected, what to do.
It never holds a secret.
"""


class PipelineError(Exception):
    """The root of every error that this package raises on purpose."""

    exit_code = 1


class UsageError(PipelineError):
    """A mistake of the user's: the sentence says what was given and what is expected."""

    exit_code = 2


class SettingsError(UsageError):
    """A flag, an environment variable or a line of .env has a value that cannot be used."""


class DeviceError(UsageError):
    """A sound card is unknown or cannot be opened."""


class CardLostError(DeviceError):
    """A sound card has worked and has gone: another process may open it again."""


class WavError(UsageError):
    """A sound file cannot be read, cannot be written, or holds no sound."""


class RecordingError(UsageError):
    """A folder holds no recorded conversation, or its page cannot be written."""


class EndpointError(UsageError):
    """The endpoint cannot be reached, or is not Voice Live."""


class RefusedError(EndpointError):
    """The endpoint refuses the session, and would refuse it again (HTTP 404 and the like)."""


class AuthenticationError(UsageError):
    """The endpoint refused the key or the token (HTTP 401 or 403)."""


class TokenError(UsageError):
    """The sign-in gives no token, perhaps because the network is down."""


class PortInUseError(UsageError):
    """Another program listens on the offline service's port."""


class ToolError(UsageError):
    """A file of tools cannot be imported, or holds a function that the model cannot call."""


class MissingPackageError(UsageError):
    """An optional package is missing; the sentence says how to install it."""


class SessionError(UsageError):
    """A session is used before it starts, after its end, or in another event loop."""


class SoundError(UsageError):
    """A program's own microphone or speaker fails, or gives something other than sound."""


class ResourceError(UsageError):
    """The system refuses memory, open files, processes or rights that the program needs."""


class BusyError(PipelineError):
    """The service has no place for another session now (HTTP 429 or 503).

    :ivar retry_after_s: how long it asks to wait.
    """

    def __init__(self, sentence: str, retry_after_s: float = 0.0) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class ServiceClosedError(PipelineError):
    """The service ended the session."""


class UnansweredError(PipelineError):
    """The service did not answer all of a recorded input."""


class ProcessDiedError(PipelineError):
    """A child process ended unexpectedly."""


def is_foreseen(end: type[BaseException] | None) -> bool:
    """Whether a run ends as foreseen: with no exception, by Ctrl-C, or with an error of this tree.

    After any other exception, standard output may be closed.
    """
    return end is None or issubclass(end, KeyboardInterrupt | PipelineError)
