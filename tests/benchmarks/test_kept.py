from benchmarks.kept import Kept


def test_what_was_measured_once_is_read_by_the_next_run(tmp_path):
    path = tmp_path / "out/kept.jsonl"
    measured = []

    def measure():
        measured.append(1)
        return {"seconds": 1.5, "predictions": (0, 1)}

    first = Kept(path).once({"side": "a", "seed": 0}, measure)
    again = Kept(path).once({"seed": 0, "side": "a"}, measure)

    assert first == again == {"seconds": 1.5, "predictions": [0, 1]}
    assert measured == [1]


def test_another_key_is_measured_for_itself(tmp_path):
    kept = Kept(tmp_path / "kept.jsonl")
    kept.once({"side": "a"}, lambda: {"seconds": 1.0})

    assert kept.once({"side": "b"}, lambda: {"seconds": 2.0}) == {"seconds": 2.0}
