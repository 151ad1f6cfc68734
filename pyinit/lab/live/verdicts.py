"""Verdicts on a run in words of both languages: what `pi.probe` finds, said again in Chinese."""

from __future__ import annotations

from typing import Any

from ..probe.measure.facts import LayerFacts
from ..probe.measure.measure import Measured
from ..probe.verdict.diagnosis import judged
from ..probe.verdict.evidence import evidence_of
from ..probe.verdict.judge import Finding, finding, summary
from ..probe.verdict.sentences import written
from ..probe.verdict.verdict import Cause, Kind, Other, Remedy, Verdict, Why

__all__ = ["KINDS_ZH", "verdict_of"]

KINDS_ZH: dict[Kind, str] = {
    "healthy": "健康",
    "vanishing": "消失",
    "exploding": "爆炸",
    "saturated": "饱和",
    "dead": "死亡",
    "symmetric": "对称",
}
_MOMENTS_ZH = {
    "pre-activation": "激活前的值",
    "activation": "激活值",
    "gradient": "梯度",
    "weight": "权重",
    "weight gradient": "权重梯度",
}
_REASONS_ZH: dict[Cause, str] = {
    "not finite": "{what}中有 {amount:.0f} 个数不是有限数。",
    "zero output": "它对每一行都输出 0。",
    "silent units": "{amount:.0%} 的单元对每一行都没有反应。",
    "no gradient": "没有梯度传回这一层。",
    "equal weights": "所有权重都是 {amount:.4g},所以各单元相同,而且一直相同。",
    "flat activation": "进入 {what} 的数有 {amount:.0%} 落在平坦处(均方根 {beside:.3g})。",
    "large signal": "进入 {what} 的数均方根为 {amount:.3g},而输入为 {beside:.3g}。",
    "small signal": "进入 {what} 的数均方根为 {amount:.3g},而输入为 {beside:.3g}。",
    "lost signal": "前面的层留下的信号小于 float32 的范围。",
    "large gradient": "传回的梯度是最后一层的 {amount:.3g} 倍。",
    "small gradient": "传回的梯度只有最后一层的 {amount:.2g}。",
    "lost gradient": "传回的梯度小于 float32 的范围。",
    "zero weights": "权重是 0,但有梯度:走一步就有了数值。",
    "zero weights, not run back": "权重是 0;要反向运行才知道有没有梯度。",
    "waits for a step": "它输出 0,但权重只等一步更新。",
    "waits for the input": "前面有一层权重为 0;它更新一步之前,进入这一层的都是 0。",
    "waits for the gradient": "后面有一层权重为 0;它更新一步之前,没有梯度传回。",
    "keeps its size": "前向的信号和传回的梯度都保持大小。",
    "keeps its signal": "进入这一层的信号保持大小。",
    "unused": "进入这一层的信号保持大小;但输出不依赖它。",
    "alive": "数值有限,单元都是活的。",
}
_OTHERS_ZH: dict[Other, str] = {
    "": "",
    "fewer layers": "减少层数",
    "wider or fewer layers": "加宽各层或减少层数",
    "rows that are not all 0": "使用不全为 0 的数据",
    "another activation": "换一个激活函数",
    "a normalization, or a skip": "加归一化或残差连接",
    "look at what enters it": "检查进入这一层的数据",
}
_WHYS_ZH: dict[Why, str] = {
    "": "",
    "no weights tell rows of 0 apart": ":任何权重都分不开全为 0 的行",
    "scaled skips divide the branches": ",它把各分支除以分支数的平方根",
    "the activation passes little on": ",因为即使归一化,它传过去的也很少",
    "the input outweighs the branches": ":与输入相比,各分支加得很少",
    "normalization hides the scale": ":在归一化之后,权重的大小不起作用",
    "the std suits already": ":标准差已经合适",
    "no std keeps both": ":经过 {layers} 层 {activation},没有标准差能同时保持信号和梯度",
    "no unit is ever off": ":它没有会关闭的单元",
    "weights and biases are not to blame": ":问题不在权重和偏置",
    "weights are not to blame": ":问题不在权重",
}


def verdict_of(facts: tuple[LayerFacts, ...], measured: Measured) -> dict[str, Any]:
    """Return a verdict on each layer and on the network, as JSON values: kind, and text by language.

    Returns
    -------
    dict
        {"kind", "text": {"en", "zh"}, "layers": [{"kind", "text": {"en", "zh"}}, ...]}
    """
    # layers are numbered from 1, as in the page's pictures
    names = tuple(f"layer {at}" for at in range(1, len(facts) + 1))
    own, whole = judged(facts, measured, names)
    seen = evidence_of(facts, measured)
    findings = [finding(one) for one in seen]
    layers = [
        _said(verdict, _sentence(found, verdict, "")) for verdict, found in zip(own, findings, strict=True)
    ]
    decisive = summary(seen, findings)
    if decisive is None:
        return _said(whole, "健康:每一层的信号和梯度都保持大小。") | {"layers": layers}
    place = f"{_place_zh(names[decisive.at])}:"
    if decisive.affected:
        place = f"{len(facts)} 层中有 {decisive.affected} 层;{place}"
    elif decisive.cause == "not finite":
        place = f"从{_place_zh(names[decisive.at])}起不是有限数:"
    return _said(whole, _sentence(decisive, whole, place)) | {"layers": layers}


def _place_zh(name: str | None) -> str:
    return f"第 {str(name).removeprefix('layer ')} 层"


def _said(verdict: Verdict, chinese: str) -> dict[str, Any]:
    return {"kind": verdict.kind, "text": {"en": str(verdict), "zh": chinese}}


def _sentence(found: Finding, verdict: Verdict, place: str) -> str:
    what = _MOMENTS_ZH.get(found.what, found.what)
    reason = _REASONS_ZH[found.cause].format(amount=found.amount, beside=found.beside, what=what)
    fix = "" if verdict.remedy is None else _fix(verdict.remedy, verdict.layer)
    return f"{KINDS_ZH[found.kind]}:{place}{reason}{fix}"


def _fix(remedy: Remedy, own: str | None) -> str:
    steps = []
    if remedy.standardize is not None:
        size = "均方根" if remedy.standardize == "rms" else "均值"
        steps.append(f"先把输入标准化({size}为 {remedy.input_size:.3g})")
    if remedy.zero_biases:
        steps.append("偏置从 0 开始")
    if remedy.recipe is not None:
        now = f",均值现为 {remedy.now_mean:.3g}" if remedy.now_mean else ""
        steps.append(
            f"权重用 {written(remedy.recipe)}(增益 {remedy.gain:.4g}:标准差 {remedy.std:.3g},现为 "
            f"{remedy.now_std:.3g}{now})"
        )
    choices = [_OTHERS_ZH[remedy.other]] if remedy.other else []
    if remedy.residual:
        choices.append('用 residual="scaled"')
    if remedy.activations:
        names = " 或 ".join(
            f'"{one}"' if isinstance(one, str) else f'("{one[0]}", {one[1]:g})' for one in remedy.activations
        )
        choices.append(f"用 {names} 代替 {remedy.activation}")
    parts = [text for text in (",".join(steps), ",或".join(choices)) if text]
    where = f"在{_place_zh(remedy.layer)}中," if remedy.layer not in (None, own) else ""
    why = _WHYS_ZH[remedy.why].format(activation=remedy.activation, layers=remedy.layers)
    return f"建议:{where}{'。然后'.join(parts)}{why}。"
