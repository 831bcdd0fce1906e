"""The plan of an annotation: the corpus is read once, so that every fault of a record comes first."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from gner_core.annotating.params import Annotation
from gner_core.annotating.sources import Source, find_sources
from gner_core.annotating.texts import Part, read_parts
from gner_core.config.systems.gner import GnerSystem
from gner_core.errors import InputError
from gner_core.predicting.entities import checked_types, own_types
from gner_core.predicting.loading.system import own_description, predicting_system
from gner_core.store.artifacts import Store
from gner_core.systems.gner.targets import BIO
from tasks.checkpoints.identity import named
from tasks.steps.annotation import Annotate, AnnotationPlan


def plan_annotation(
    params: Annotation, store: Store, *, on_read: Callable[[int], object]
) -> AnnotationPlan:
    """Return the parts of a corpus, whose files are read whole and not kept.

    Args:
        on_read: called with the number of texts that were read, after every part.

    Raises:
        InputError: for an unusable checkpoint, types or files, and for a record without a text.
    """
    sources = find_sources(params.data, params.form)
    found = named(params.checkpoint, store, about=Path(params.about) if params.about else None)
    folder = store.folder(found.step.stored_at)
    about = found.about or own_description(folder)
    predicting_system(about, beams=params.beams, folder=folder)  # refuses what it cannot take
    system = about.trained_for or GnerSystem.writing(BIO)
    types = checked_types(params.types) if params.types else own_types(about)
    steps: list[Annotate] = []
    sizes: list[int] = []
    places: list[str] = []
    for part in _parts(params, sources):
        step = Annotate(
            title=f"part {part.number + 1}",
            model=found.step,
            about=about,
            system=system,
            types=types,
            beams=params.beams,
            texts=part.text_digest(),
        )
        steps.append(step)
        sizes.append(len(part.records))
        places.append(part.place_digest())
        on_read(sum(sizes))
    if not steps:
        raise InputError(f"{' '.join(params.data)}: no text in it")
    return AnnotationPlan(params=params, sources=sources, parts=steps, sizes=sizes, places=places)


def parts_again(plan: AnnotationPlan) -> Iterator[tuple[Annotate, Part]]:
    """Yield every part of a plan with its texts, which are read again.

    Raises:
        InputError: when the corpus is another one now.
    """
    steps = iter(plan.parts)
    for part in _parts(plan.params, plan.sources):
        step = next(steps, None)
        if step is None or step.texts != part.text_digest():
            raise _changed(plan, part.number)
        yield step, part
    if next(steps, None):
        raise _changed(plan, len(plan.parts))


def _parts(params: Annotation, sources: Sequence[Source]) -> Iterator[Part]:
    return read_parts(sources, size=params.part, text=params.text, id_field=params.id)


def _changed(plan: AnnotationPlan, part: int) -> InputError:
    names = " ".join(plan.params.data)
    return InputError(
        f"{names}: changed while it was annotated (part {part + 1}); run the same command again"
    )
