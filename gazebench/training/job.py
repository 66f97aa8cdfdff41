"""One training: which method, on which dataset, into which folder, and for how many steps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from gazebench import plugins
from gazebench.config import Settings
from gazebench.dataset import Manifest, Portrait, alignment, load_info
from gazebench.errors import InputError
from gazebench.methods import Task, TrainableMethod, is_trainable, load, settings_of
from gazebench.plugins import Collection
from gazebench.training.batches import training_portraits
from gazebench.training.pretrained import FoundPart, find_parts
from gazebench.training.run import Recipe, RunFolder, TrainingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """What one step takes."""

    images: int  # portraits, over all processes
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How long to train when methods are compared: one of two limits, or none.

    A step of one method is not a step of another: PRGAN draws six times in it, StarGAN five. So the
    number of steps follows from the pace of a few typical ones.
    """

    images: int | None = None  # portraits seen, one that comes twice counted twice
    minutes: float | None = None  # of training steps, without pictures and checkpoints

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return self.images is not None or self.minutes is not None

    def __str__(self) -> str:
        """In words: "100000 images", "30 minutes", "" for none."""
        if self.images is not None:
            return f"{self.images} images"
        return f"{self.minutes:g} minutes" if self.minutes is not None else ""

    def steps(self, pace: Pace) -> int:
        """Steps that fit, one at least."""
        if self.images is not None:
            return max(1, self.images // pace.images)
        return max(1, int(60 * (self.minutes or 0) / pace.seconds))


@dataclass(frozen=True, kw_only=True)
class Job:
    """All that a training depends on but the machine."""

    manifest: Manifest
    run: Path
    collection: Collection  # of the methods
    method: str  # its name there
    kind: type[TrainableMethod]
    settings: Settings  # of the method; they have the steps, unless the budget gives them
    # networks from other runs, by letter; without them, those of the method as it is made
    parts: Mapping[str, FoundPart] = field(default_factory=dict)
    options: TrainingSettings = field(default_factory=TrainingSettings)
    budget: Budget = field(default_factory=Budget)

    @classmethod
    def of(
        cls,
        manifest: Manifest,
        run: Path,
        collection: Collection,
        method: str,
        table: Mapping[str, Any],
        parts: Mapping[str, Path],
        options: TrainingSettings,
        budget: Budget,
    ) -> Self:
        """The job of a method's settings ``table``; ``parts`` are runs, by the method that gives.

        Raises:
            InputError: no such method, bad settings, a domain without training portraits, or a run
                that gives no such part.
            MissingPartError: no run gives a part.
        """
        kind = trainable(collection, method)
        steps = {"steps": options.steps} if options.steps else {}
        settings = settings_of(kind, method, {**table, **steps})
        training_portraits(manifest)
        return cls(
            manifest=manifest,
            run=run,
            collection=collection,
            method=method,
            kind=kind,
            settings=settings,
            parts=find_parts(kind, settings, manifest, run, parts),
            options=options,
            budget=budget,
        )

    @property
    def task(self) -> Task:
        """The dataset's geometry."""
        return Task(self.manifest.resolution, self.manifest.window)

    @property
    def folder(self) -> RunFolder:
        """Where each thing of the run is."""
        return RunFolder(self.run)

    @property
    def portraits(self) -> tuple[tuple[Portrait, ...], tuple[Portrait, ...]]:
        """Those of the training half in domain X, and in Y."""
        return training_portraits(self.manifest)

    def with_steps(self, steps: int) -> Self:
        """The same job for so many steps."""
        return replace(self, settings=self.settings.model_copy(update={"steps": steps}))

    def recipe(self, processes: int) -> Recipe:
        """What ``config.toml`` keeps of it."""
        plain = self.settings.model_dump(mode="json")
        return Recipe(
            method=self.method,
            seed=self.options.seed,
            steps=plain["steps"],
            precision=self.options.precision,
            processes=processes,
            dataset=self.manifest.name,
            dataset_fingerprint=self.manifest.fingerprint,
            tree_hash=self.manifest.tree_hash,
            resolution=self.manifest.resolution,
            window=self.manifest.window,
            settings=plain,
            budget=str(self.budget),
            ema=self.options.ema,
            file_sha256=plugins.sha256(self.collection, self.method),
            parts={letter: part.sha256 for letter, part in self.parts.items()},
            source=self.manifest.source,
            align=alignment(load_info(self.manifest.root)),
            file=plugins.typed(self.collection, self.method) if self._has_file else "",
        )

    @property
    def _has_file(self) -> bool:
        return plugins.outside(self.collection, self.method) is not None

    def earlier_recipe(self) -> Recipe:
        """The recipe in the run's folder; a setting that is newer than the run has its default.

        Raises:
            InputError: missing or damaged.
        """
        old = Recipe.load(self.folder.config)
        defaults = self.kind.Config().model_dump(mode="json")
        return replace(old, settings={**defaults, **old.settings})

    def kept_steps(self) -> int | None:
        """Steps that an earlier call with this budget and these settings chose for the run."""
        try:
            old = self.earlier_recipe()
        except InputError:
            return None
        same = _without_steps(old.settings) == _without_steps(self.settings.model_dump(mode="json"))
        return old.steps if same and old.budget == str(self.budget) else None

    def warn_of_few(self, processes: int, say: Callable[[str], None]) -> None:
        """Say it where a draw must take some portraits of a domain more than once."""
        count = self.settings.model_dump()["batch"] * processes
        sizes = zip(("X", "Y"), self.portraits, strict=True)
        few = [f"{len(p)} labelled {domain}" for domain, p in sizes if len(p) < count]
        if few:
            say(
                f"the training half has only {' and '.join(few)} for a draw of {count}: portraits "
                "are drawn more than once in it; label more, or lower --batch"
            )


def trainable(collection: Collection, name: str) -> type[TrainableMethod]:
    """The method ``name``, which must have networks.

    Raises:
        InputError: there is none, or it needs no training.
    """
    kind: Any = load(collection, name)
    if not is_trainable(kind):
        words = plugins.typed(collection, name)
        raise InputError(f"{name} needs no training; run `gazebench eval --method {words}`")
    return kind


def _without_steps(settings: Mapping[str, Any]) -> dict[str, Any]:
    # as they are read from TOML: it has no null, and tuples are lists there
    kept = {k: v for k, v in settings.items() if k != "steps" and v is not None}
    return {k: list(v) if isinstance(v, tuple) else v for k, v in kept.items()}
