"""How a conversation goes on in another session, or in another process; free of I/O.

A session that breaks off takes the service's memory with it, and a process that dies takes all but
what it has reported. What was sent still sounds, and the next session is told what was said.
"""

from pipeline.ipc.commands import CancelTool
from pipeline.ipc.reports import ConversationMemory
from pipeline.network.actions import Action
from pipeline.network.conversation_state import ConversationState
from pipeline.network.items import QueuedEnd


def lose_session(
    state: ConversationState, *, heard_again: bool = False, planned: bool = False
) -> list[Action]:
    """The session is gone: what it sent sounds to its end, and it is owed nothing.

    :param heard_again: the next session is sent a turn of the user again, which it answers by
        itself: nothing else is owed.
    :param planned: another session is there already, so the person does not wait for it.
    """
    state.floor.reset(owed=_owes_reply(state) and not heard_again)
    if state.marks_turn:
        state.floor.speech_started()
    state.answers.end_unspoken()
    for response_id in state.answers.begun_ids:  # the next session does not go on with them
        state.questions.answered(response_id)
    state.questions.session_lost()
    state.transcript.stop_replay()
    if not planned:
        state.display.busy()
    state.between_sessions = True
    ends = list(state.answers.break_off(asked_again=state.calls.waiting))
    return [*ends, *state.show_heard(), *state.calls.abandon()]


def resume_session(state: ConversationState) -> list[Action]:
    """Another session is there: it is told what was said, and what it has to answer.

    It is told of an answer that still sounds when it is known how much of it was heard.
    """
    state.between_sessions = False
    messages = state.transcript.replay(state.answers.unheard_turns())
    return [*messages, *state.request_owed()]


def remember(state: ConversationState) -> ConversationMemory:
    """Return what another process must know to go on if this one dies now."""
    turns, copies = state.transcript.memory(state.answers.unspoken)
    return ConversationMemory(
        copies,
        state.answers.items_seen,
        state.answers.memory(turns),
        state.calls.unanswered,
        state.questions.open,
        state.questions.skipped,
        _owes_reply(state),
    )


def restore(
    state: ConversationState,
    memory: ConversationMemory,
    generation: int,
    queued: QueuedEnd,
    *,
    heard_again: bool = False,
) -> list[Action]:
    """Go on in the place of a process that died, as after a session that was lost.

    :param generation: interruptions until then.
    :param queued: what sounds of the answers that it received.
    :param heard_again: as for `lose_session`.
    """
    turns = state.transcript.restore(memory.turns)
    # An item that the memory does not know is the answer that was owed: it has begun to sound.
    has_begun = queued.item > memory.items and not memory.calls
    state.floor.reset(owed=memory.reply_owed and not (has_begun or heard_again))
    state.questions.restore(still_open=memory.question_open, skipped=memory.question_skipped)
    state.display.busy()
    state.between_sessions = True
    ends = list(state.answers.restore(memory, turns, generation, queued))
    state.display.restore(each for each in state.answers.reopened if each.has_words)
    return [*ends, *map(CancelTool, memory.calls)]


def _owes_reply(state: ConversationState) -> bool:
    """Whether another session would have to answer what this one has not."""
    unspoken = state.answers.unspoken
    unanswered = bool(unspoken) or state.floor.answer_expected
    return (
        state.floor.answer_owed
        or state.calls.waiting
        or (unanswered and state.transcript.ends_with_user(unspoken))
    )
