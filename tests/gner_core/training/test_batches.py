from gner_core.training.batches import accumulation, plan_batches

LENGTHS = [[5, 9, 0, 7, 3, 8, 6], [5, 9, 4, 7, 3, 8, 6]]


def plan(micro_batch: int, window: int = 1) -> list[list[tuple[int, int]]]:
    return plan_batches(
        LENGTHS, epochs=2, global_batch=4, length_window=window, micro_batch=micro_batch, seed=1
    )


def test_every_sentence_is_seen_once_an_epoch_and_those_left_out_never() -> None:
    wanted = sorted((epoch, i) for epoch in (0, 1) for i in range(7) if LENGTHS[epoch][i])
    for window in (1, 3):
        assert sorted(place for batch in plan(2, window) for place in batch) == wanted


def test_the_micro_batch_does_not_change_what_an_update_sees() -> None:
    def updates(micro_batch: int) -> list[list[tuple[int, int]]]:
        batches, steps = plan(micro_batch), accumulation(4, micro_batch)
        return [sorted(sum(batches[at : at + steps], [])) for at in range(0, len(batches), steps)]

    assert updates(4) == updates(2) == updates(1) == updates(3)


def test_micro_batches_hold_sentences_of_like_length() -> None:
    lengths = [list(range(1, 257))]
    batches = plan_batches(
        lengths, epochs=1, global_batch=256, length_window=1, micro_batch=8, seed=1
    )
    assert all(max(i for _, i in batch) - min(i for _, i in batch) == 7 for batch in batches)


def test_a_window_groups_small_global_batches_by_length() -> None:
    lengths = [list(range(1, 65))]

    def spread(window: int) -> int:
        batches = plan_batches(
            lengths, epochs=1, global_batch=8, length_window=window, micro_batch=8, seed=1
        )
        return sum(max(i for _, i in batch) - min(i for _, i in batch) for batch in batches)

    assert spread(8) == 8 * 7
    assert spread(1) > 4 * spread(8)
