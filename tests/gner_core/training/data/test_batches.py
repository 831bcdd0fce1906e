from gner_core.training.data.batches import (
    ExampleKey,
    PassShape,
    Update,
    accumulation,
    cut_update,
    plan_updates,
    share_of,
)

LENGTHS = [[5, 9, 0, 7, 3, 8, 6], [5, 9, 4, 7, 3, 8, 6]]


def plan(window: int = 1) -> list[Update]:
    return plan_updates(LENGTHS, global_batch=4, length_window=window, seed=1)


def test_every_sentence_is_seen_once_an_epoch_and_those_left_out_never() -> None:
    wanted = sorted((epoch, i) for epoch in (0, 1) for i in range(7) if LENGTHS[epoch][i])
    for window in (1, 3):
        assert sorted(key for update in plan(window) for key in update) == wanted


def test_neither_micro_batch_nor_devices_change_what_an_update_sees() -> None:
    for micro_batch in (1, 2, 3, 4):
        for devices in (1, 2, 3, 5):
            for update in plan():
                micros = cut_update(update, micro_batch=micro_batch, devices=devices)
                seen = [key for micro in micros for key in micro if key[1] >= 0]
                assert sorted(seen) == sorted(update)
                assert len(micros) % devices == 0
                assert max(map(len, micros)) <= micro_batch


def test_all_devices_have_equally_many_micro_batches() -> None:
    shares = [share_of(plan(), micro_batch=1, devices=3, device=n) for n in range(3)]
    assert len({len(share) for share in shares}) == 1
    idle: list[ExampleKey] = [p for share in shares for micro in share for p in micro if p[1] < 0]
    assert idle  # 13 sentences do not fill 15 slots
    assert accumulation(4, micro_batch=1, devices=3) == 2


def test_micro_batches_hold_sentences_of_like_length() -> None:
    (update,) = plan_updates([list(range(1, 257))], global_batch=256, length_window=1, seed=1)
    micros = cut_update(update, micro_batch=8, devices=1)
    assert all(max(i for _, i in micro) - min(i for _, i in micro) == 7 for micro in micros)


def test_a_window_groups_small_global_batches_by_length() -> None:
    def spread(window: int) -> int:
        updates = plan_updates([list(range(1, 65))], global_batch=8, length_window=window, seed=1)
        return sum(max(i for _, i in update) - min(i for _, i in update) for update in updates)

    assert spread(8) == 8 * 7
    assert spread(1) > 4 * spread(8)


def test_padding_counts_what_fills_up_rows() -> None:
    sizes = [(3, 4), (2, 6)]
    assert PassShape(encoder_decoder=True).padding(sizes) == (15, 3)
    assert PassShape(encoder_decoder=False).padding(sizes) == (15, 1)
    assert PassShape(encoder_decoder=True, width_step=4).padding(sizes) == (15, 9)
    assert PassShape(encoder_decoder=False, width_step=4).padding(sizes) == (15, 1)


def test_a_micro_batch_is_cut_into_the_fewest_passes_within_the_tokens() -> None:
    def passes(most_tokens: int | None, sizes: list[tuple[int, int]]) -> list[int]:
        cut = PassShape(encoder_decoder=False, most_tokens=most_tokens).cut(sizes)
        assert [pair for rows in cut for pair in sizes[rows]] == sizes
        return [len(sizes[rows]) for rows in cut]

    rising = [(4, 1), (4, 2), (4, 3), (4, 4), (4, 16)]
    assert passes(None, rising) == [5]
    assert passes(100, rising) == [5]
    assert passes(99, rising) == [2, 3]  # 12, and 60 with padding
    assert passes(59, rising) == [1, 2, 2]
    assert passes(19, rising) == [1, 1, 1, 1, 1]  # the last alone has 20
