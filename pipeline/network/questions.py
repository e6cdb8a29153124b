"""Which turns of the user have been answered, free of I/O."""


class Questions:
    """Counts the turns of the user, and how many of them are settled.

    A turn is settled by an answer that was made to its end, by the user who speaks on while the
    answer is due or heard, or by being nothing that wants an answer.
    """

    def __init__(self) -> None:
        self._asked = 0
        self._settled = 0
        self._covered: dict[str, int] = {}
        self._skipped = False
        self._session_lost = False

    @property
    def open(self) -> bool:
        """Whether an answer to the latest turn is still to come."""
        return self._asked > self._settled

    @property
    def all_answered(self) -> bool:
        return not self.open and not self._skipped

    def asked(self) -> None:
        """The user has finished a turn."""
        self._asked += 1
        self._session_lost = False

    def user_speaks(self, *, expected: bool) -> None:
        """The user speaks on, and no older turn is answered any more.

        :param expected: whether an answer was still expected, or was being made or heard.
        """
        if self.open and not (expected or self._session_lost):
            self._skipped = True
        self.dismiss()

    def dismiss(self) -> None:
        """The turns so far want no answer."""
        self._settled = self._asked

    def response_created(self, response_id: str) -> None:
        """The service begins an answer to all turns so far."""
        self._covered[response_id] = self._asked

    def answered(self, response_id: str) -> None:
        """The service has made an answer to its end."""
        self._settled = max(self._settled, self._covered.pop(response_id, 0))

    def refused(self, response_id: str) -> None:
        """The service could not make an answer, and makes no other."""
        covered = self._covered.pop(response_id, 0)
        self._skipped = self._skipped or covered > self._settled
        self._settled = max(self._settled, covered)

    def continued(self, response_id: str) -> None:
        """A response has ended that is not an answer: another one is to follow."""
        self._covered.pop(response_id, None)

    def session_lost(self) -> None:
        """The next session is asked again, in words or by the user's voice."""
        self._covered.clear()
        self._session_lost = True
