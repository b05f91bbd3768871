"""States that nothing goes on from are removed, and no others."""

from flowgolf.running.states import remove_left_over


def test_only_states_that_no_run_has_are_removed(tmp_path, capsys):
    for name in ("train/nfm/seed1-aa", "train/nfm/seed1-bb", "legal_ttt/gone/seed2-cc", "tokens"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "state.pt").write_bytes(bytes(500_000))
    removed = remove_left_over(tmp_path, [str(tmp_path / "train/nfm/seed1-bb")])
    assert [path.name for path in removed] == ["seed2-cc", "seed1-aa"]
    told = "removed 2 saved states of settings or code that are gone (1.0 MB)"
    assert capsys.readouterr().err == f"{tmp_path}: {told}\n"
    assert (tmp_path / "train/nfm/seed1-bb/state.pt").exists()
    assert (tmp_path / "tokens/state.pt").exists()
    assert remove_left_over(tmp_path, [str(tmp_path / "train/nfm/seed1-bb")]) == []
