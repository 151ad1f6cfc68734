"""A lesson of the guided tour: a few sentences, a question, its answer, and an experiment that shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from .experiment import Experiment

__all__ = ["Lesson", "Text", "View"]

View: TypeAlias = Literal["network", "boundary", "layers", "heatmap", "curve"]


@dataclass(frozen=True)
class Text:
    """A text in both languages."""

    en: str
    zh: str

    def to_dict(self) -> dict[str, str]:
        """Return the text by language."""
        return {"en": self.en, "zh": self.zh}


@dataclass(frozen=True)
class Lesson:
    """One stop of the tour.

    Parameters
    ----------
    name : str
    title, text, question, answer : Text
    experiment : Experiment
    show : {"network", "boundary", "layers", "heatmap", "curve"}
        What to look at.
    """

    name: str
    title: Text
    text: Text
    question: Text
    answer: Text
    experiment: Experiment
    show: View

    def to_dict(self) -> dict[str, Any]:
        """Return the lesson as a dict of JSON values."""
        texts = {name: getattr(self, name).to_dict() for name in ("title", "text", "question", "answer")}
        return {"name": self.name, **texts, "experiment": self.experiment.to_dict(), "show": self.show}
