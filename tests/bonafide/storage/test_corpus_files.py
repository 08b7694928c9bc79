from bonafide.storage.corpus_files import Part, split_part


def test_a_part_is_named_by_its_path():
    part = Part("gs://b/train00-5.tfrec", 12, 345)
    assert str(part) == "gs://b/train00-5.tfrec#12:345"
    assert split_part(str(part)) == part
    assert split_part("audio/take#1:2.wav") is None
    assert split_part("a.tfrec") is None
