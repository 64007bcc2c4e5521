"""Pictures from a run.

    python -m tgan_tf.generate --run=runs/00012-digits --seeds=0-63 --label=3 --truncation=0.7

writes the 64 pictures as one grid, RUN/generated/seeds0-63-label3-psi0.7-step2813.png.
`--label=all` makes a row for each class or attribute, `--captions=held-out` one for each of ten
captions that training did not see (`held-out:N`: of N; or name a text file of captions), `--single`
writes a file for each picture, `--out` says where. The same seed is the same picture in the
exported SavedModel and TFLite file. 64 small pictures take about 10 seconds, nearly all of it for
starting TensorFlow.

Of a run of texts it writes a .txt file (`--out=NAME.jsonl`: with seed and class; `NAME.png`: a
picture). `--temperature`, `--top_k`, `--top_p` and `--prefix` steer texts whose tokens are made one
after another; `--infill="春_花_"` fills blanks.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from absl import flags

from tgan_tf import command
from tgan_tf.files import replacing

if TYPE_CHECKING:
    from tgan_tf.conditions import Condition
    from tgan_tf.data.types import Progress
    from tgan_tf.inference import Sampler

_BATCH = 64
_STEERING = {"temperature": 1.0, "top_k": 0, "top_p": 1.0, "prefix": ""}
_TEXT_ENDINGS = (".txt", ".jsonl", ".png")
_ROWS = 10  # of held-out captions
_HELD_OUT = re.compile(r"held-out(?::([1-9]\d*))?")
_SEEDS = re.compile(r"(-?\d+)(?:-(-?\d+))?")


def define_flags(values: flags.FlagValues) -> None:
    """Defines this command's flags."""
    command.define_run_flags(values)
    command.define_frames_flag(values)
    flags.DEFINE_string(
        "seeds", "0-63", "numbers and ranges, like 0-63 or 0-9,12", flag_values=values
    )
    flags.DEFINE_string(
        "label",
        "",
        "a class by name or index; attributes, like hat,smile:0.5, or none; the .npy file of a"
        " vector; a caption; all: a row for each class or attribute; empty: each seed's own",
        flag_values=values,
    )
    flags.DEFINE_string(
        "captions",
        "",
        "a row for each: a text file with a caption a line; or held-out:N, N captions of --dataset"
        " that training did not see",
        flag_values=values,
    )
    flags.DEFINE_float(
        "truncation", 1.0, "psi; smaller is more typical and less varied", flag_values=values
    )
    flags.DEFINE_float(
        "guidance",
        1.0,
        "more of the label than 1 is; for generators trained with --condition_dropout",
        flag_values=values,
    )
    flags.DEFINE_string(
        "w",
        "",
        "file of python -m tgan_tf.invert, whose w are drawn instead of seeds'",
        flag_values=values,
    )
    flags.DEFINE_list(
        "edit",
        [],
        "directions of python -m tgan_tf.directions and how far, in standard deviations of w, like"
        " pca0:2,pca3:-1",
        flag_values=values,
    )
    flags.DEFINE_float(
        "temperature",
        1.0,
        "of tokens made one by one (texts, music); less is more typical, 0 the likeliest",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "top_k", 0, "of such tokens: only so many at each place; 0: all", flag_values=values
    )
    flags.DEFINE_float(
        "top_p",
        1.0,
        "of such tokens: only the likeliest, of together this probability",
        flag_values=values,
    )
    flags.DEFINE_string("prefix", "", "what each text begins with", flag_values=values)
    flags.DEFINE_string(
        "infill",
        "",
        "what stands in each text; a --blank is a token to make",
        flag_values=values,
    )
    flags.DEFINE_string("blank", "_", "a character that --infill does without", flag_values=values)
    flags.DEFINE_integer(
        "candidates", 64, "of --infill: texts of which one is taken", 1, flag_values=values
    )
    flags.DEFINE_string(
        "given",
        "",
        "what is kept: a MIDI or MusicXML file with the voices of --given_voices, to whose first"
        " bars the others are written; pictures, or one file of video, that begin clips of a run"
        " with --given_frames",
        flag_values=values,
    )
    flags.DEFINE_string(
        "out",
        "",
        "PNG file (of texts .txt, .jsonl or .png), or folder for --single; empty: in RUN/generated",
        flag_values=values,
    )
    flags.DEFINE_bool("single", False, "one file for each picture, no grid", flag_values=values)
    flags.DEFINE_integer("columns", 0, "of the grid; 0: about a square", flag_values=values)


def parse_seeds(text: str) -> list[int]:
    """Numbers and inclusive ranges: `"0-3,12"` is [0, 1, 2, 3, 12].

    Raises:
        ValueError: the text is something else.
    """
    seeds: list[int] = []
    for part in text.replace(" ", "").split(","):
        match = _SEEDS.fullmatch(part)
        if not match:
            raise ValueError(f"--seeds={text}: {part!r} is no number or range; like 0-63 or 0-9,12")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise ValueError(f"--seeds={text}: the range {part} runs backwards")
        seeds.extend(range(first, last + 1))
    return seeds


def parse_edits(words: list[str]) -> dict[str, float]:
    """`["pca0:2"]` is {"pca0": 2.0}.

    Raises:
        ValueError: a word is something else.
    """
    edits = {}
    for word in words:
        name, colon, strength = word.strip().rpartition(":")
        try:
            edits[name] = float(strength)
        except ValueError:
            colon = ""
        if not colon or not name:
            raise ValueError(f"--edit={word}: give a direction and a number, like pca0:2")
    return edits


def plan(seeds: list[int], label: str, sampler: Sampler) -> tuple[list[int], np.ndarray | None]:
    """The seed and the label of each picture.

    Args:
        seeds: as given.
        label: as for `--label`.
        sampler: what draws them.

    Returns:
        Seeds (for `all`, once for each row) and as many labels; None of an unconditional generator.

    Raises:
        ValueError: there is no such label, or there are none at all.
    """
    from tgan_tf.inference import check_seeds

    condition = sampler.condition
    if not condition.name:
        if label:
            raise ValueError(f"--label={label}: the generator is unconditional; leave --label out")
        return seeds, None
    if label == "all":
        names, labels = condition.rows()
        if not names:
            raise ValueError("--label=all: vectors are without number; give one, or leave it out")
        return seeds * len(names), np.repeat(labels, len(seeds), axis=0)
    return seeds, condition.check(condition.parse(label) if label else None, check_seeds(seeds))


def caption_rows(
    asked: str, sampler: Sampler, counting: Callable[[str], AbstractContextManager[Progress]]
) -> list[str]:
    """The captions that `--captions` asks for.

    Args:
        asked: the flag.
        sampler: of the run, which says what the data are.
        counting: called with what is being counted; gives a context with a progress callback.

    Raises:
        ValueError: the generator takes no captions, or there are none.
    """
    flag = f"--captions={asked}"
    if not sampler.condition.encoder:
        raise ValueError(f"{flag}: this generator takes none; train one with --captions")
    match = _HELD_OUT.fullmatch(asked)
    if not match:
        path = Path(asked).expanduser()
        if not path.is_file():
            raise ValueError(f"{flag}: no such file; give a text file, or held-out:10")
        lines = path.read_text(encoding="utf-8").splitlines()
        if captions := [line.strip() for line in lines if line.strip()]:
            return captions
        raise ValueError(f"{flag}: no caption in it; write one a line")
    from tgan_tf.data.sources import load_source

    data = sampler.config.data
    with counting(f"preparing {data.dataset}") as progress:
        captions = sorted(set(load_source(data, progress=progress).val.captions))
    count = min(len(captions), int(match[1] or _ROWS))
    return [captions[i] for i in np.linspace(0, len(captions) - 1, count).astype(int)]


def run(values: flags.FlagValues) -> None:
    """Draws, writes and prints where."""
    asked, rows = parse_seeds(values.seeds), values.label == "all" or bool(values.captions)
    if values.columns < 0:
        raise ValueError(f"--columns={values.columns}: must not be negative")
    if values.columns and (rows or values.single):
        raise ValueError(
            "--columns is for a plain grid; leave it out with --label=all, --captions or --single"
        )
    if values.captions and (values.label or values.single):
        raise ValueError("--captions makes rows of its own: leave --label and --single out")
    for name in ("blank", "candidates"):
        if values[name].present and not values.infill:
            raise ValueError(f"--{name} is for --infill; leave it out")
    if values.w:
        of_w(values)
        return
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.inference import find_run
    from tgan_tf.infill import given_tokens, infill
    from tgan_tf.modalities.pictures import save_png
    from tgan_tf.training.progress import Console

    edits = parse_edits(values.edit)
    steering: dict[str, Any] = {name: values[name].value for name in _STEERING}
    given = _given(values, sampler)
    if given is not None and values.prefix:
        raise ValueError("--prefix does not go with --given; leave one of them out")
    if values.infill and (values.prefix or edits):
        raise ValueError("--infill goes neither with --prefix nor with --edit; leave one out")
    if values.infill:
        with _named():
            given_tokens(sampler, values.infill, values.blank)
    labels: np.ndarray | None
    names: Sequence[str] = ()
    if values.captions:
        names = caption_rows(values.captions, sampler, Console().counting)
        vectors = sampler.condition.check(names, range(len(names)))
        seeds, labels = asked * len(names), np.repeat(vectors, len(asked), axis=0)
    else:
        names = sampler.condition.rows()[0] if rows else ()
        seeds, labels = plan(asked, values.label, sampler)
    is_text = sampler.modality.name == "text"
    name = _default_name(values, sampler.step, ".txt" if is_text else ".png")
    out = Path(values.out or find_run(values.run) / "generated" / name)
    if is_text and not values.single and out.suffix not in _TEXT_ENDINGS:
        raise ValueError(f"--out={out}: give a name that ends in {' or '.join(_TEXT_ENDINGS)}")
    parts = []
    with Console().counting(_called(sampler)) as progress:
        for start in range(0, len(seeds), _BATCH):
            part = slice(start, start + _BATCH)
            asked_for = None if labels is None else labels[part]
            controls = (asked_for, values.truncation, values.guidance)
            controls_of_tokens = {n: v for n, v in steering.items() if n != "prefix"}
            if values.infill:
                with _named():
                    images = infill(
                        sampler,
                        seeds[part],
                        values.infill,
                        *controls,
                        blank=values.blank,
                        candidates=values.candidates,
                        progress=functools.partial(_further, progress, start, len(seeds)),
                        **controls_of_tokens,
                    )
            elif given is None:
                images = sampler.sample(seeds[part], *controls, edits=edits, **steering)
            else:
                images = sampler.complete(seeds[part], given, *controls, **controls_of_tokens)
            if values.single:
                files = _file_names(seeds[part], asked_for, sampler.condition)
                sampler.modality.write(images, out, files)
            else:
                parts.append(images)
            progress(start + len(images), len(seeds))
    if not values.single:
        images = np.concatenate(parts)
        if is_text and out.suffix != ".png":
            _write_texts(out, sampler, images, seeds, labels)
        elif rows:
            row_of_each = np.repeat(np.arange(len(names)), len(asked))
            picture = sampler.modality.class_rows(images, row_of_each, names, len(asked))
            save_png(picture, out)
        else:
            save_png(sampler.modality.grid(images, values.columns), out)
    print(f"{len(seeds)} {_called(sampler)} of step {sampler.step}: {out}")


@contextmanager
def _named() -> Iterator[None]:
    """Errors of infilling name the flag."""
    from tgan_tf.infill import InfillError

    try:
        yield
    except InfillError as error:
        flag = {"template": "infill"}.get(error.argument, error.argument)
        raise ValueError(f"--{flag}={error.value}: {error.why}") from error


def _further(progress: Progress, start: int, total: int, done: int, _: int) -> None:
    """Tells of a part of the whole."""
    progress(start + done, total)


def of_w(values: flags.FlagValues) -> None:
    """Draws what `--w` holds."""
    for name in ("seeds", "label", "captions", "guidance", "given", "single", "infill"):
        if values[name].present:
            raise ValueError(f"--{name}: --w says what is drawn; leave one of them out")
    sampler = command.load_run(values)  # starts TensorFlow, quietly
    from tgan_tf.inference import find_run
    from tgan_tf.inversion import load_w
    from tgan_tf.modalities.pictures import save_png

    w, label = load_w(values.w, sampler)
    edits = parse_edits(values.edit)
    images = sampler.synthesize(w, label, values.truncation, edits=edits)
    out = Path(
        values.out or find_run(values.run) / "generated" / _default_name(values, sampler.step)
    )
    save_png(sampler.modality.grid(images, values.columns), out)
    print(f"{len(w)} pictures of step {sampler.step}: {out}")


def _given(values: flags.FlagValues, sampler: Sampler) -> np.ndarray | None:
    """What samples are made around, [*given_shape]."""
    if not values.given:
        return None
    if values.edit:
        raise ValueError("--edit does not go with --given; leave one of them out")
    data, shape = sampler.config.data, sampler.modality.given_shape
    if not shape:
        raise ValueError(
            f"--given={values.given}: the run was trained without --given_voices (music) or"
            " --given_frames (video)"
        )
    if sampler.modality.name == "video":
        from tgan_tf.data.video import first_frames

        return first_frames(
            [Path(p).expanduser() for p in values.given.split(",")], shape, data.fit
        )
    from tgan_tf.data.music import given_window

    steps, count = shape
    return given_window(Path(values.given).expanduser(), (steps, count), data.given_voices)


def _called(sampler: Sampler) -> str:
    plural = sampler.modality.plural
    return "pictures" if plural == "images" else plural


def _write_texts(
    out: Path,
    sampler: Sampler,
    samples: np.ndarray,
    seeds: list[int],
    labels: np.ndarray | None,
) -> None:
    """All texts in one file, beside and then renamed: as they are, or as JSON Lines."""
    content = sampler.modality.sheet(samples)
    if out.suffix == ".jsonl":
        records = []
        for row, text in enumerate(sampler.modality.texts(samples)):  # type: ignore[attr-defined]
            record: dict[str, int | str] = {"seed": seeds[row], "text": text}
            if labels is not None and sampler.num_classes:
                record["label"] = sampler.config.data.class_names[labels[row]]
            records.append(json.dumps(record, ensure_ascii=False) + "\n")
        content = "".join(records)
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as beside:
        beside.write_text(content, encoding="utf-8")


def _default_name(values: flags.FlagValues, step: int, ending: str = ".png") -> str:
    """Other pictures have another name: nothing is overwritten but by its like."""
    parts = [] if values.single else [f"seeds{values.seeds}"]
    if values.w:
        parts = [Path(values.w).stem]
    if values.label and not values.single:
        parts.append(f"label{values.label}")
    if values.truncation != 1:
        parts.append(f"psi{values.truncation}")
    parts += [f"frames{values.frames}"] if values.frames else []
    if values.captions:
        parts.append(f"captions-{Path(values.captions).stem}")
    parts += [f"given{Path(values.given.split(',')[0]).stem}"] if values.given else []
    parts += [edit.replace(":", "") for edit in values.edit]
    if values.guidance != 1:
        parts.append(f"guidance{values.guidance}")
    for name, usual in _STEERING.items():
        if values[name].value != usual:
            parts.append(f"{name}{values[name].value}")
    parts.append(f"step{step}")
    # Of --single a folder: its files are named by seed and class.
    return re.sub(r"[^\w,.-]+", "_", "-".join(parts)) + ("" if values.single else ending)


def _file_names(seeds: list[int], labels: np.ndarray | None, condition: Condition) -> list[str]:
    tags = [""] * len(seeds) if labels is None else [condition.tag(label) for label in labels]
    return [
        f"seed{seed}" + (f"-{tag}" if tag else "") for seed, tag in zip(seeds, tags, strict=True)
    ]


if __name__ == "__main__":
    command.start(define_flags, run)
