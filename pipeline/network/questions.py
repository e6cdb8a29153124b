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
        self._wordless = ""
        self._latest = ""
        self._session_lost = False

    @property
    def open(self) -> bool:
        """Whether an answer to the latest turn is still to come."""
        return self._asked > self._settled

    @property
    def skipped(self) -> bool:
        """Whether any turn has been left without an answer, or without the end of one."""
        return self._skipped

    @property
    def all_answered(self) -> bool:
        return not self.open and not self._skipped

    def restore(self, *, still_open: bool, skipped: bool) -> None:
        """Begin with what another process remembered, as after a session that was lost."""
        self._asked = int(still_open)
        self._skipped = skipped
        self._session_lost = True

    def asked(self, item_id: str) -> None:
        """The service has taken a turn of the user."""
        if item_id and item_id in (self._wordless, self._latest):
            return  # nothing was said, or the event came twice
        self._latest = item_id
        self._asked += 1
        self._session_lost = False

    def user_speaks(self, *, expected: bool) -> None:
        """The user speaks on, and no older turn is answered any more.

        :param expected: whether an answer was still expected, or was being made or heard.
        """
        if self.open and not (expected or self._session_lost):
            self._skipped = True
        self._settled = self._asked

    def wordless(self, item_id: str) -> None:
        """A turn had no words, and wants no answer. That may be known before it is taken."""
        self._wordless = item_id
        self._settled = self._asked

    def response_created(self, response_id: str) -> None:
        """The service begins an answer to all turns so far."""
        self._covered[response_id] = self._asked

    def answered(self, response_id: str) -> None:
        """The service has made an answer to its end."""
        self._settled = max(self._settled, self._covered.pop(response_id, 0))

    def refused(self, response_id: str) -> None:
        """The service has made no answer, or an empty one, and makes no other."""
        covered = self._covered.pop(response_id, 0)
        self._skipped = self._skipped or covered > self._settled
        self._settled = max(self._settled, covered)

    def broken_off(self) -> None:
        """An answer lacks its end, and no other one has it."""
        self._skipped = True

    def continued(self, response_id: str) -> None:
        """A response has ended that is not an answer: another one is to follow."""
        self._covered.pop(response_id, None)

    def session_lost(self) -> None:
        """The next session is asked again, in words or by the user's voice."""
        self._covered.clear()
        self._latest = self._wordless = ""  # another session may use the same ids
        self._session_lost = True
