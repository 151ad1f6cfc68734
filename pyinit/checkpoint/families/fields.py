"""The fields of a config.json: read with type and default; an unknown field is an error."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from ...errors import SpecError
from ...stream.strict_json import shown

#: Fields of every transformers configuration that decide no tensor; written back as they came.
EVERYWHERE = frozenset(
    {
        *(
            "architectures",
            "bad_words_ids",
            "begin_suppress_tokens",
            "bos_token_id",
            "chunk_size_feed_forward",
        ),
        *("cross_attention_hidden_size", "decoder_start_token_id", "diversity_penalty", "do_sample", "dtype"),
        *(
            "early_stopping",
            "encoder_no_repeat_ngram_size",
            "eos_token_id",
            "exponential_decay_length_penalty",
        ),
        *("finetuning_task", "forced_bos_token_id", "forced_eos_token_id", "id2label", "is_decoder"),
        *("is_encoder_decoder", "label2id", "length_penalty", "max_length", "min_length", "model_type"),
        *("no_repeat_ngram_size", "num_beam_groups", "num_beams", "num_labels", "num_return_sequences"),
        *(
            "output_attentions",
            "output_hidden_states",
            "output_scores",
            "pad_token_id",
            "prefix",
            "problem_type",
        ),
        *("remove_invalid_values", "repetition_penalty", "return_dict", "return_dict_in_generate"),
        *("sep_token_id", "suppress_tokens", "task_specific_params", "temperature", "tf_legacy_loss"),
        *("tie_encoder_decoder", "tie_word_embeddings", "tokenizer_class", "top_k", "top_p", "torch_dtype"),
        *("torchscript", "transformers_version", "typical_p", "use_bfloat16", "use_cache"),
    }
)

#: A hundred times what the deepest models have; more would take minutes to list, and is a mistake.
MOST_LAYERS = 10_000


class Fields:
    """A model's configuration, read field by field.

    Parameters
    ----------
    config : mapping
        The content of a config.json.
    source : str
        What to call it in an error.
    known : set of str
        The family's own fields, beside those of `EVERYWHERE`.
    aliases : mapping of str to str, optional
        Other names of fields; naming both with different values is an error.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        source: str,
        known: frozenset[str],
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self.source = source
        self._config = dict(config)
        for alias, name in (aliases or {}).items():
            if alias not in self._config:
                continue
            value = self._config.pop(alias)
            if self._config.setdefault(name, value) != value:
                self.refuse(
                    f"'{alias}' is another name of '{name}', but {value!r} is not {self._config[name]!r}"
                )
        for name in self._config:
            # transformers keeps private notes, such as _name_or_path, under an underscore
            if name not in known and name not in EVERYWHERE and not name.startswith("_"):
                self.refuse(
                    f"unknown field '{name}' for model_type '{config.get('model_type')}', which may change "
                    "the tensors; remove it if it does not, or write a plain spec"
                )

    def refuse(self, reason: str) -> None:
        """Raise the error of a configuration that is not valid."""
        raise SpecError(f"{self.source}: {reason}")

    def count(self, name: str, default: int, least: int = 1) -> int:
        """Return an integer of at least `least`."""
        value = self._value(name, default)
        if type(value) is not int or value < least:
            self.refuse(f"'{name}' must be an integer >= {least}; got {shown(value)}")
        return int(value)

    def layers(self, name: str, default: int) -> int:
        """Return a number of layers, at most as many as a model can have."""
        value = self.count(name, default)
        if value > MOST_LAYERS:
            self.refuse(f"'{name}' must be at most {MOST_LAYERS}; got {value}")
        return value

    def optional_count(self, name: str, default: int | None = None) -> int | None:
        """Return an integer of at least 1, or None when it is null."""
        return None if self._value(name, default) is None else self.count(name, default or 1)

    def counts(self, name: str, default: list[int]) -> list[int]:
        """Return a list of positive integers, at least one."""
        value = self._value(name, default)
        if (
            not isinstance(value, list)
            or not value
            or not all(type(item) is int and item > 0 for item in value)
        ):
            self.refuse(f"'{name}' must be a list of integers >= 1; got {shown(value)}")
        return [int(item) for item in value]

    def depths(self, name: str, default: list[int]) -> list[int]:
        """Return a number of layers for each stage, together at most as many as a model can have."""
        values = self.counts(name, default)
        if sum(values) > MOST_LAYERS:
            self.refuse(f"'{name}' must be at most {MOST_LAYERS} in all; got {sum(values)}")
        return values

    def pair(self, name: str, default: int) -> tuple[int, int]:
        """Return (height, width) from one positive integer or two."""
        value = self._value(name, default)
        sides = value if isinstance(value, list) else [value, value]
        if len(sides) != 2 or not all(type(side) is int and side > 0 for side in sides):
            self.refuse(f"'{name}' must be an integer >= 1, or a list of two; got {shown(value)}")
        return sides[0], sides[1]

    def flag(self, name: str, default: bool) -> bool:
        """Return a truth value."""
        value = self._value(name, default)
        if not isinstance(value, bool):
            self.refuse(f"'{name}' must be true or false; got {shown(value)}")
        return bool(value)

    def choice(self, name: str, default: str, choices: tuple[str, ...]) -> str:
        """Return one of several words."""
        value = self._value(name, default)
        if value not in choices:
            self.refuse(f"'{name}' must be one of {', '.join(choices)}; got {shown(value)}")
        return str(value)

    def std(self, name: str = "initializer_range", default: float = 0.02) -> float:
        """Return a standard deviation: a finite number above 0."""
        value = self._value(name, default)
        # integers of JSON have no limit
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 < value <= sys.float_info.max
        ):
            self.refuse(f"'{name}' must be a finite number > 0; got {shown(value)}")
        return float(value)

    def head_size(self, width: str, size: int, heads: int, heads_name: str = "num_attention_heads") -> int:
        """Return the size of one attention head."""
        if size % heads:
            self.refuse(f"'{width}' = {size} must be a multiple of '{heads_name}' = {heads}")
        return size // heads

    def padding_rows(self, name: str, rows: int, default: int | None = None) -> tuple[int, ...]:
        """Return the embedding row of the padding token, when there is one."""
        value = self._value(name, default)
        if value is None:
            return ()
        if type(value) is not int or not -rows <= value < rows:
            self.refuse(f"'{name}' must be null or a row of the {rows} embeddings; got {shown(value)}")
        return (int(value) % rows,)

    def labels(self) -> int:
        """Return the number of classes: of id2label, else num_labels, else 2."""
        names = self._config.get("id2label")
        if names is None:
            return self.count("num_labels", 2, 0)
        if not isinstance(names, dict):
            self.refuse(f"'id2label' must be an object; got {shown(names)}")
        if (count := self.count("num_labels", len(names), 0)) != len(names):
            self.refuse(f"'num_labels' = {count} contradicts 'id2label', which has {len(names)} entries")
        return len(names)

    def _value(self, name: str, default: Any) -> Any:
        return self._config.get(name, default)
