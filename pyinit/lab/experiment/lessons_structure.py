"""The tour's last lessons: rectifiers, depth, normalization, and starts with a structure."""

from __future__ import annotations

from .experiment import Experiment
from .fine_tuning import FINE_TUNED
from .lesson import Lesson, Text
from .start import Start

__all__ = ["LESSONS"]

_CRITICAL = "critical_normal"

LESSONS: tuple[Lesson, ...] = (
    Lesson(
        "he",
        Text("He, and dead units", "He 与死亡单元"),
        Text(
            "relu sets half of its input to 0, so He et al. (2015) double the variance: 2 / inputs. "
            "Weights with a negative mean do worse than small ones: a unit that is 0 for every row has no "
            "gradient, and never comes back.",
            "relu 把一半输入变成 0,所以 He 等人(2015)把方差加倍:2 / 输入数。均值为负的权重比太小更糟:对每"
            "一行都输出 0 的单元没有梯度,再也回不来。",
        ),
        Text(
            "How large is the dead share of the last hidden layer in each run?",
            "每个运行的最后一个隐藏层有多少单元是死的?",
        ),
        Text(
            "Under he_normal most units live. From a negative mean, whole layers are dead from the start: "
            "no gradient, no learning.",
            "he_normal 之下多数单元活着。均值为负时,整层从一开始就是死的:没有梯度,也学不到东西。",
        ),
        Experiment(
            "circles",
            depth=8,
            width=32,
            activation="relu",
            optimizer="sgd",
            learning_rate=0.05,
            steps=500,
            runs=(
                Start("he_normal"),
                Start("xavier_normal"),
                Start("uniform", (("low", -1.0), ("high", 0.2))),
            ),
        ),
        "layers",
    ),
    Lesson(
        "orthogonal_depth",
        Text("Orthogonal weights reach deeper", "正交权重走得更深"),
        Text(
            "Random matrices stretch some directions and squeeze others, and fifty of them leave few "
            "directions alive. An orthogonal matrix keeps every length, so that all directions arrive.",
            "随机矩阵拉长一些方向、压缩另一些方向,五十个相乘之后只剩很少的方向。正交矩阵保持每个长度,所以"
            "各个方向都能到达。",
        ),
        Text(
            "Both have the same variance. Which one trains at 50 layers?",
            "两者方差相同。50 层时哪一个能训练?",
        ),
        Text(
            "The orthogonal one separates the spirals within 600 steps; the normal one is near chance.",
            "正交的那个在 600 步内分开了螺旋;正态的接近乱猜。",
        ),
        Experiment(
            "spirals",
            depth=50,
            width=32,
            learning_rate=0.0003,
            steps=600,
            runs=(Start("orthogonal"), Start(_CRITICAL)),
        ),
        "curve",
    ),
    Lesson(
        "batch_norm",
        Text("Batch norm: a cure, and its price", "批归一化:药方与代价"),
        Text(
            "Batch normalization sets every unit to variance 1, so that a start at a tenth of the "
            "critical scale trains. But each normalized layer multiplies gradients by about 1.2 (Yang et "
            "al. 2019): through thirty layers they explode backward.",
            "批归一化把每个单元的方差变成 1,所以十分之一临界尺度的初始化也能训练。但每个归一化的层把梯度放"
            "大约 1.2 倍(Yang 等,2019):经过三十层,梯度在反向中爆炸。",
        ),
        Text(
            "Before the first step, how many times the last layer's gradient is the first layer's?",
            "第一步之前,第一层的梯度是最后一层的多少倍?",
        ),
        Text(
            "About a hundred times at the critical scale, although every signal has size 1. Few layers "
            "are cured; many need skips.",
            "在临界尺度下约一百倍,尽管每层的信号大小都是 1。层数少时它是良药;层数多时需要残差连接。",
        ),
        Experiment(
            "circles",
            depth=30,
            width=32,
            activation="relu",
            norm="batch",
            optimizer="sgd",
            learning_rate=0.02,
            batch_size=64,
            steps=300,
            runs=(Start(_CRITICAL, scale=0.1), Start(_CRITICAL)),
        ),
        "heatmap",
    ),
    Lesson(
        "fine_tuned",
        Text("A fine-tuned start", "微调:从学过的权重开始"),
        Text(
            "The best start is one that has already learned. The first run begins with weights that were "
            "trained on another sample of the spirals; the second with random ones.",
            "最好的起点是已经学过的权重。第一个运行从在另一份螺旋数据上训练过的权重开始;第二个从随机权重开"
            "始。",
        ),
        Text(
            "What is the accuracy of each before its first step?",
            "第一步之前,两者的正确率各是多少?",
        ),
        Text(
            "The trained weights are right on about 98 %, the random ones on about half. What was learned "
            "carries over, as both samples come from the same spirals.",
            "学过的权重约 98% 正确,随机的约一半。两份数据来自同样的螺旋,所以学到的东西能用上。",
        ),
        Experiment(
            "spirals",
            depth=4,
            width=32,
            optimizer="sgd",
            learning_rate=0.1,
            steps=400,
            runs=(Start(FINE_TUNED, (("steps", 2000),)), Start(_CRITICAL)),
        ),
        "boundary",
    ),
    Lesson(
        "sparse",
        Text("Sparse weights", "稀疏权重"),
        Text(
            "Martens (2010) gives each unit about 15 inputs, whatever the width. What a unit sums does "
            "not grow with the number of pixels, so even weights of standard deviation 1 leave units that "
            "can learn.",
            "Martens(2010)让每个单元只连约 15 个输入,不管有多宽。单元求的和不随像素数增长,所以即使标准差为"
            " 1,单元仍能学习。",
        ),
        Text(
            "Both draw from N(0, 1). Which one reads the digits?",
            "两者都取自 N(0, 1)。哪一个认得出数字?",
        ),
        Text(
            "The sparse one gets about 86 % right after 200 steps, the full one about 38 %: most of its "
            "units are saturated.",
            "200 步之后,稀疏的认对约 86%,全连接的约 38%:它的多数单元已经饱和。",
        ),
        Experiment(
            "mnist",
            depth=4,
            width=128,
            optimizer="sgd",
            learning_rate=0.05,
            steps=200,
            runs=(Start("sparse", (("sparsity", 0.98), ("std", 1.0))), Start("normal")),
        ),
        "layers",
    ),
    Lesson(
        "identity",
        Text("Identity", "单位矩阵"),
        Text(
            "A layer of the identity hands on what it gets. Twenty such relu layers are no deeper than "
            "one at the first step, and depth is then learned. At half the identity, little arrives.",
            "单位矩阵的层原样传下输入。二十个这样的 relu 层在第一步时不比一层更深,深度是之后学来的。取一半"
            "的单位矩阵,到达的就很少。",
        ),
        Text(
            "What do the layers' histograms of the two runs look like at the start?",
            "开始时,两个运行各层的直方图是什么样?",
        ),
        Text(
            "Under the identity all layers look alike, and training goes on; under its half each "
            "histogram is half as wide as the one before, and the loss stays at ln 2.",
            "单位矩阵之下各层一样,训练顺利;一半的单位矩阵之下,每层只有前一层的一半宽,损失停在 ln 2。",
        ),
        Experiment(
            "circles",
            depth=20,
            width=16,
            activation="relu",
            learning_rate=0.003,
            steps=600,
            runs=(Start("identity"), Start("identity", scale=0.5)),
        ),
        "layers",
    ),
)
"""From He to the identity."""
