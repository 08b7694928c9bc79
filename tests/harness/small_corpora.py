"""A corpus in a dictionary, and small faithful copies of every layout for it."""

import dataclasses
import io

from bonafide import corpora
from bonafide.storage import records
from bonafide.storage.corpus_files import split_part
from bonafide.storage.text_files import decode_text

WAV = b"RIFF...."


@dataclasses.dataclass
class DictFiles:
    """`CorpusFiles` over a dictionary; counts the listings."""

    content: dict[str, bytes]
    root: str = "dict"
    listings: int = 0
    others: dict[str, dict[str, bytes]] = dataclasses.field(default_factory=dict)

    def at(self, root):
        return DictFiles(self.others[root], root)

    def uri(self, path):
        return path if path.startswith("/") else f"/{self.root}/{path}"

    def exists(self, path):
        return path in self.content

    def read_bytes(self, path):
        if part := split_part(path):
            return self.content[part.path][part.offset : part.offset + part.length]
        return self.content[path]

    def read_text(self, path):
        return decode_text(self.content[path], path)

    def list(self, folder):
        self.listings += 1
        return {
            path.rpartition("/")[2]: corpora.FileInfo(len(data), 1.5)
            for path, data in self.content.items()
            if path.rpartition("/")[0] == folder
        }

    def walk(self, folder):
        below = f"{folder}/" if folder else ""
        return {
            path[len(below) :]: corpora.FileInfo(len(data), 1.5)
            for path, data in self.content.items()
            if path.startswith(below)
        }


def record(example: bytes) -> bytes:
    """A record of a TFRecord file."""
    file = io.BytesIO()
    records.write_record(file, example)
    return file.getvalue()


def example(**features: bytes | int) -> bytes:
    """A tf.Example with one value for each feature."""
    return records.encode_example({name: [value] for name, value in features.items()})


def spoken(utterance: str, system: str, target: int, speaker: str = "S1") -> bytes:
    """A record of the TFRecord copy of ASVspoof 2019 LA."""
    return record(
        example(
            audio=WAV,
            id=utterance.encode(),
            speaker_id=speaker.encode(),
            system_id=system.encode(),
            audio_len=8,
            target=target,
        )
    )


def _2019(track: str, third: str, attack: str) -> dict[str, bytes]:
    folder = f"{track}/ASVspoof2019_{track}_cm_protocols/ASVspoof2019.{track}.cm"
    name = {"train": "train.trn", "dev": "dev.trl", "eval": "eval.trl"}
    content = {}
    for number, split in enumerate(name, start=1):
        real, fake = f"{track}_{split[0]}_1", f"{track}_{split[0]}_2"
        content[f"{folder}.{name[split]}.txt"] = (
            f"S{number} {real} {third} - bonafide\nS{number} {fake} {third} {attack} spoof\n"
        ).encode()
        for utterance in (real, fake):
            content[f"{track}/ASVspoof2019_{track}_{split}/flac/{utterance}.flac"] = b"abc"
    return content


def _2021(track: str, *lines: str) -> dict[str, bytes]:
    content = {f"keys/{track}/CM/trial_metadata.txt": "\n".join(lines).encode()}
    for line in lines:
        content[f"ASVspoof2021_{track}_eval/flac/{line.split()[1]}.flac"] = b"abc"
    return content


def _in_the_wild() -> dict[str, bytes]:
    lines = ["file,speaker,label"]
    content = {}
    for number in range(16):
        label = "bona-fide" if number % 2 else "spoof"
        lines.append(f"{number}.wav,Speaker {number // 4},{label}")
        content[f"release_in_the_wild/{number}.wav"] = b"abc"
    return content | {"release_in_the_wild/meta.csv": "\n".join(lines).encode()}


def _mlaad() -> dict[str, bytes]:
    content = {}
    for number, model in enumerate(("bark", "vits", "Some.ai (May 1st)")):
        text = f"book_0{number}_f000001"
        content[f"fake/en/{model}/meta.csv"] = (
            "path|original_file|language|is_original_language|duration|training_data|model_name|"
            "architecture|transcript\n"
            f"./fake/en/{model}/{text}.wav|en_US/by_book/female/mary_ann/book/wavs/{text}.wav|en|"
            f"True|3.2|LJ|{model}|{model}|Who is it?\n"
        ).encode()
        content[f"fake/en/{model}/{text}.wav"] = b"abc"
    content["M-AILABS/en_US/by_book/female/mary_ann/book/wavs/book_00_f000001.wav"] = b"abc"
    content["M-AILABS/en_US/by_book/male/elliot/book2/wavs/book2_00_f000001.wav"] = b"abc"
    content["M-AILABS/de_DE/by_book/mix/book3/wavs/book3_00_f000001.wav"] = b"abc"
    return content


def _label_lists(prefix: str, lists: dict[str, list[str]], folder: str) -> dict[str, bytes]:
    """Lists of files with their audio; the folder of a list's audio is made from its name."""
    content = {}
    for name, lines in lists.items():
        content[prefix + name] = "\n".join(lines).encode()
        for line in lines:
            part = name.rpartition("/")[2].removesuffix(".txt").removesuffix("_label")
            place = folder.format(name=part)
            content[f"{prefix}{place}/{line.split()[0]}"] = b"abc"
    return content


def _spoofceleb() -> dict[str, bytes]:
    content = {}
    for number, split in enumerate(("train", "development", "evaluation")):
        lines = ["file,speaker,attack"]
        for attack in ("a00", f"a{number + 1:02}"):
            path = f"{attack}/id1031{number}/YYsxcZ5saac-0000{number}-006.flac"
            lines.append(f"{path},id1031{number},{attack}")
            content[f"spoofceleb/flac/{split}/{path}"] = b"abc"
        content[f"spoofceleb/metadata/{split}.csv"] = "\n".join(lines).encode()
    return content


def _partialspoof() -> dict[str, bytes]:
    content = {"database/segment_labels/train_seglab_0.16.npy": b"abc"}
    for number, split in enumerate(("train", "dev", "eval")):
        letter = "TDE"[number]
        content[
            f"database/protocols/PartialSpoof_LA_cm_protocols/PartialSpoof.LA.cm.{split}.trl.txt"
        ] = (
            f"LA_007{number} LA_{letter}_1138215 - - bonafide\n"
            f"LA_007{number} CON_{letter}_0000000 - CON spoof\n"
        ).encode()
        for utterance in (f"LA_{letter}_1138215", f"CON_{letter}_0000000"):
            content[f"database/{split}/con_wav/{utterance}.wav"] = b"abc"
    return content


def _habla() -> dict[str, bytes]:
    content = {}
    for number, speaker in enumerate(("arf_00295", "clf_07508", "cof_03349", "vem_02484")):
        folder = f"FinalDataset_16khz/Real/Chile/{speaker}"
        content[f"{folder}/{speaker}_0079985714{number}.wav"] = b"abc"
        for system in ("CycleGAN", "Diff", "StarGAN"):
            name = f"{system}-arm_01523_02026{number}-{speaker}_0099383701{number}"
            content[
                f"FinalDataset_16khz/{system}/Argentina-Chile/arm_01523-{speaker}/{name}.wav"
            ] = b"abc"
    content["FinalDataset_16khz/TTS/Chile/clf_07508/TTS-clf_07508_1.wav"] = b"abc"
    content["protocol.txt"] = b"not read"
    return content


def _fakeavceleb() -> dict[str, bytes]:
    content = {"FakeAVCeleb_v1.2/meta_data.csv": b"source,target1,target2,method,category,type\n"}
    for number in range(4):
        for kind in ("RealVideo-RealAudio", "RealVideo-FakeAudio", "FakeVideo-FakeAudio"):
            folder = f"FakeAVCeleb_v1.2/{kind}/African/{'men' if number % 2 else 'women'}"
            content[f"{folder}/id0007{number}/0010{number}_{kind[0]}.mp4"] = b"abc"
    return content


LAYOUTS = {
    "asvspoof2019-la": _2019("LA", "-", "A01"),
    "asvspoof2019-pa": _2019("PA", "aaa", "AA"),
    "asvspoof2021-la": _2021(
        "LA",
        "LA_0009 LA_E_1 alaw ita_tx A07 spoof notrim eval",
        "LA_0009 LA_E_2 none none bonafide bonafide notrim eval",
        "LA_0010 LA_E_3 opus loc_tx A08 spoof only_speech hidden",
        "LA_0010 LA_E_4 opus loc_tx - bonafide notrim progress",
    ),
    "asvspoof2021-df": _2021(
        "DF",
        "LA_0023 DF_E_1 nocodec asvspoof A14 spoof notrim eval traditional_vocoder - - - -",
        "TEF2 DF_E_2 low_mp3 vcc2020 - bonafide notrim eval bonafide Task2 team01 - E",
    ),
    "asvspoof2021-pa": _2021(
        "PA",
        "PA_0010 PA_E_1 R3 M3 d4 r1 m1 s4 c4 spoof notrim eval",
        "PA_0010 PA_E_2 R3 M3 D4 - - - - bonafide notrim eval",
    ),
    "asvspoof5": {
        "ASVspoof5_protocols/ASVspoof5.train.tsv": b"T_1 T_001 F - - - AC1 A05 spoof -\n"
        b"T_1 T_002 F - - - - bonafide bonafide -\n",
        "ASVspoof5_protocols/ASVspoof5.dev.track_1.tsv": b"D_1 D_001 M - A09 spoof\n",
        "ASVspoof5_protocols/ASVspoof5.eval.track_1.tsv": b"E_1 E_001 M C5 3 E_9 AC2 A17 spoof -\n",
        "flac_T/T_001.flac": b"abc",
        "flac_T/T_002.flac": b"abc",
        "flac_D/D_001.flac": b"abc",
        "flac_E_eval/E_001.flac": b"abc",
    },
    "asvspoof2019-tfrecord": {
        "asvspoof/train00-2.tfrec": spoken("T1", "-", 0) + spoken("T2", "A01", 1),
        "asvspoof/valid00-1.tfrec": spoken("D1", "A02", 1),
        "asvspoof/test00-1.tfrec": spoken("E1", "-", 0, "S 2"),
    },
    "in-the-wild": _in_the_wild(),
    "fake-or-real": {
        f"for-norm/{split}/{kind}/file{number}.wav_16k.wav": b"abc"
        for split in ("training", "validation", "testing")
        for kind in ("real", "fake")
        for number in (1, 2)
    },
    "wavefake": {
        "generated_audio/ljspeech_melgan_large/LJ001-0001_gen.wav": b"abc",
        "generated_audio/ljspeech_waveglow/LJ001-0001.wav": b"abc",
        "generated_audio/jsut_multi_band_melgan/BASIC5000_0001_gen.wav": b"abc",
        "generated_audio/common_voices_prompts_from_conformer_fastspeech2_pwg_ljspeech/gen_0.wav": (
            b"abc"
        ),
        "LJSpeech-1.1/wavs/LJ001-0001.wav": b"abc",
        "real_audio/jsut_ver1.1/basic5000/wav/BASIC5000_0001.wav": b"abc",
    },
    "mlaad": _mlaad(),
    "manifest": {
        "manifest.csv": b"path,key,speaker,system,split,language,seconds\n"
        b"audio/1.wav,bonafide,S 1,-,train,en,1.0\n"
        b"audio/2.wav,fake,S2,TTS A,validation,,2.0\n"
        b"gs://bucket/3.flac,spoof,S3,,test,pt,3.0\n",
        "audio/1.wav": b"abc",
        "audio/2.wav": b"abc",
        "audio/9.wav": b"not in the manifest",
    },
    "folders": {
        **{f"real/S{number}/a.wav": b"abc" for number in range(3)},
        **{f"fake/TTS-{number}/b.wav": b"abc" for number in range(4)},
    },
    "partialspoof": _partialspoof(),
    "spoofceleb": _spoofceleb(),
    "codecfake": _label_lists(
        "Codecfake/",
        {
            "label/train.txt": ["SSB13650058.wav real 0", "F01_SSB13650058.wav fake 1"],
            "label/dev.txt": ["p225_001.wav real 0", "F02_p225_001.wav fake 2"],
            "label/C7.txt": ["SSB00050001.wav real 0", "F07_SSB00050001.wav fake 7"],
        },
        "{name}",
    ),
    "dfadd": {
        f"DFADD/DATASET_{system}/{split}/{speaker}_001{end}": b"abc"
        for split, speaker in (("train", "p225"), ("valid", "p226"), ("test", "p227"))
        for system, end in (("VCTK_BONAFIDE", ".wav"), ("GradTTS", "_GradTTS.flac"))
    },
    "add2022": _label_lists(
        "ADD2022/ADD_train_dev/",
        {
            f"label/{split}_label.txt": [
                f"ADD_{split[0].upper()}_0000000{number}.wav {('genuine', 'fake')[number]}"
                for number in range(2)
            ]
            for split in ("train", "dev")
        },
        "{name}",
    ),
    "add2023": {
        path: data
        for split in ("train", "dev", "testR2")
        for path, data in {
            f"Track1.2/{split}/label.txt": (
                f"ADD2023_{split}_1.wav genuine\nADD2023_{split}_2.wav fake\n".encode()
            ),
            f"Track1.2/{split}/log.txt": b"abc",
            f"Track1.2/{split}/wav/ADD2023_{split}_1.wav": b"abc",
            f"Track1.2/{split}/wav/ADD2023_{split}_2.wav": b"abc",
        }.items()
    },
    "habla": _habla(),
    "fakeavceleb": _fakeavceleb(),
}
