"""The checker itself: planted losses, duplicates, swaps and forgeries are found; what is right is never accused."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devtools.chaos.checker import Ended, Ending, Fault, Folder, History, Receipt, Verdict, check

NAMES = ("acknowledged", "rejected", "clearing", "dead_letter", "lost", "unexplained")
JOBCENTERS = ("a", "b", "c")


@dataclass
class Draft:
    """A history that can still be changed."""

    receipts: list[Receipt]
    endings: list[Ended]
    folders: list[Folder]
    accepts: dict[str, int]

    def history(self) -> History:
        return History(tuple(self.receipts), tuple(self.endings), tuple(self.folders), dict(self.accepts))

    def at(self, ending: Ending) -> int:
        return next(index for index, ended in enumerate(self.endings) if ended.ending is ending)

    def folder_of(self, index: int) -> int:
        wanted = self.endings[index].submission_id
        return next(number for number, folder in enumerate(self.folders) if folder.submission_id == wanted)


def good(kinds: list[Ending]) -> Draft:
    """A history in which all is well; receipt `i` ended as `kinds[i]`."""
    draft = Draft([], [], [], {})
    for number, kind in enumerate(kinds):
        name, place = f"s{number}", JOBCENTERS[number % 3]
        draft.receipts.append(Receipt(name, place, f"content-{number}", f"manifest-{number}"))
        draft.endings.append(Ended(name, kind, f"manifest-{number}", proven=True))
        if kind is Ending.ACKNOWLEDGED:
            draft.folders.append(Folder(place, name, f"content-{number}"))
            draft.accepts[name] = 1
    return draft


def adds_up(verdict: Verdict) -> bool:
    return verdict.counts["accepted"] == sum(verdict.counts[name] for name in NAMES)


def one_of_each() -> Draft:
    return good([*Ending, *Ending])


@given(st.lists(st.sampled_from(Ending), max_size=30))
def test_a_good_history_is_good(kinds: list[Ending]) -> None:
    verdict = check(good(kinds).history())
    assert verdict.good
    assert adds_up(verdict)
    assert {name: verdict.counts[name] for name in NAMES[:4]} == {e.value: kinds.count(e) for e in Ending}
    assert verdict.counts["duplicates_in_transport"] == 0


def lose(draft: Draft) -> None:
    draft.endings.pop(draft.at(Ending.ACKNOWLEDGED))


def lose_with_folder(draft: Draft) -> None:
    index = draft.at(Ending.ACKNOWLEDGED)
    draft.folders.pop(draft.folder_of(index))
    draft.endings.pop(index)


def lose_from_clearing(draft: Draft) -> None:
    draft.endings.pop(draft.at(Ending.CLEARING))


def lose_the_folder(draft: Draft) -> None:
    draft.folders.pop(draft.folder_of(draft.at(Ending.ACKNOWLEDGED)))


def alter_content(draft: Draft) -> None:
    index = draft.folder_of(draft.at(Ending.ACKNOWLEDGED))
    draft.folders[index] = replace(draft.folders[index], content="another")


def swap_contents(draft: Draft) -> None:
    one, two = draft.folders[0], draft.folders[1]
    draft.folders[:2] = [replace(one, content=two.content), replace(two, content=one.content)]


def swap_folders(draft: Draft) -> None:
    one, two = draft.folders[0], draft.folders[1]
    draft.folders[:2] = [replace(one, destination=two.destination), replace(two, destination=one.destination)]


def swap_answers(draft: Draft) -> None:
    one, two = (index for index, ended in enumerate(draft.endings) if ended.ending is Ending.ACKNOWLEDGED)
    first, second = draft.endings[one], draft.endings[two]
    draft.endings[one] = replace(first, manifest=second.manifest)
    draft.endings[two] = replace(second, manifest=first.manifest)


def forge(draft: Draft) -> None:
    index = draft.at(Ending.REJECTED)
    draft.endings[index] = replace(draft.endings[index], proven=False)


def forge_receipt(draft: Draft) -> None:
    draft.receipts[0] = replace(draft.receipts[0], valid=False)


def end_twice(draft: Draft) -> None:
    ended = draft.endings[draft.at(Ending.DEAD_LETTER)]
    draft.endings.append(replace(ended, ending=Ending.CLEARING))


def hand_over_twice(draft: Draft) -> None:
    draft.folders.append(draft.folders[draft.folder_of(draft.at(Ending.ACKNOWLEDGED))])


def hand_over_rejected(draft: Draft) -> None:
    receipt = draft.receipts[draft.at(Ending.REJECTED)]
    draft.folders.append(Folder(receipt.destination, receipt.submission_id, receipt.content))


def strange_folder(draft: Draft) -> None:
    draft.folders.append(Folder("a", "nobody", "content"))


def strange_ending(draft: Draft) -> None:
    draft.endings.append(Ended("nobody", Ending.ACKNOWLEDGED, "manifest", proven=True))


PLANTED: list[tuple[Callable[[Draft], None], Fault, str | None, int]] = [
    (lose, Fault.LOST, "lost", 1),
    (lose_with_folder, Fault.LOST, "lost", 1),
    (lose_from_clearing, Fault.LOST, "lost", 1),
    (lose_the_folder, Fault.NO_FOLDER, "unexplained", 1),
    (alter_content, Fault.CONTENT_DIFFERS, "unexplained", 1),
    (swap_contents, Fault.CONTENT_DIFFERS, "unexplained", 2),
    (swap_folders, Fault.WRONG_DESTINATION, "unexplained", 2),
    (swap_answers, Fault.NOT_PROVEN, "unexplained", 2),
    (forge, Fault.NOT_PROVEN, "unexplained", 1),
    (forge_receipt, Fault.RECEIPT_INVALID, "unexplained", 1),
    (end_twice, Fault.TWO_ENDINGS, "unexplained", 1),
    (hand_over_twice, Fault.TWO_FOLDERS, "unexplained", 1),
    (hand_over_rejected, Fault.UNEXPECTED_FOLDER, "unexplained", 1),
    (strange_folder, Fault.FOLDER_WITHOUT_RECEIPT, None, 1),
    (strange_ending, Fault.ENDING_WITHOUT_RECEIPT, None, 1),
]


@pytest.mark.parametrize(("plant", "fault", "counted", "number"), PLANTED, ids=[row[0].__name__ for row in PLANTED])
def test_what_is_planted_is_found(
    plant: Callable[[Draft], None], fault: Fault, counted: str | None, number: int
) -> None:
    draft = one_of_each()
    plant(draft)
    verdict = check(draft.history())
    assert [violation.fault for violation in verdict.violations] == [fault] * number
    assert adds_up(verdict)
    assert verdict.counts["accepted"] == len(draft.receipts)
    assert verdict.counts["lost"] == (number if counted == "lost" else 0)
    assert verdict.counts["unexplained"] == (number if counted == "unexplained" else 0)


def test_a_refused_sender_is_a_violation() -> None:
    verdict = check(replace(one_of_each().history(), refused=("letter 7",)))
    assert [violation.fault for violation in verdict.violations] == [Fault.REFUSED]


def test_accepts_again_are_counted_and_no_violation() -> None:
    draft = one_of_each()
    draft.accepts = dict.fromkeys(draft.accepts, 3)
    verdict = check(draft.history())
    assert verdict.good
    assert verdict.counts["duplicates_in_transport"] == 2 * len(draft.accepts)


@given(st.lists(st.sampled_from(Ending), min_size=1, max_size=20), st.integers(), st.integers(1, 5))
def test_any_number_of_losses_is_found_whatever_the_order(kinds: list[Ending], seed: int, losses: int) -> None:
    draft, source = good(kinds), random.Random(seed)
    lost = set(source.sample([ended.submission_id for ended in draft.endings], min(losses, len(kinds))))
    draft.endings = [ended for ended in draft.endings if ended.submission_id not in lost]
    for items in (draft.receipts, draft.endings, draft.folders):
        source.shuffle(items)
    verdict = check(draft.history())
    assert {each.submission_id for each in verdict.violations if each.fault is Fault.LOST} == lost
    assert verdict.counts["lost"] == len(lost)
    assert adds_up(verdict)
