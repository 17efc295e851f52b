import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from musegen.data.suffixes import longest_matches, sort_suffixes

CODES = st.lists(st.integers(1, 3), min_size=1, max_size=40)


@given(CODES)
def test_suffixes_are_sorted(codes: list[int]) -> None:
    order = sort_suffixes(np.array(codes, np.int32), len(codes))
    assert order.tolist() == sorted(range(len(codes)), key=lambda start: codes[start:])


@given(CODES, CODES)
def test_no_match_is_longer(text: list[int], sought: list[int]) -> None:
    text, sought = [*text, 0], [*sought, 9]  # ends that agree with nothing
    array = np.array(text, np.int32)
    order, at = sort_suffixes(array, len(text)), np.arange(len(sought))
    where, agree = longest_matches(array, order, np.array(sought, np.int32), at)
    for place in range(len(sought)):
        longest = 0
        for start in range(len(text)):
            same = 0
            while text[start + same] == sought[place + same]:
                same += 1
            longest = max(longest, same)
        best = int(agree[:, place].argmax())
        start, same = int(where[best, place]), int(agree[best, place])
        assert same == longest
        assert text[start : start + same] == sought[place : place + same]
